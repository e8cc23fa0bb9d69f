"""Connect REST: the organization and its users. Feeds and groups are not there: the org goes without Chatter.

Source: Connect REST API Developer Guide, "Organization Settings", "User Detail"; recorded answers of chatter/users/me.
"""

from __future__ import annotations

from html import escape
from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.org.query.literals import escaped
from mock_server.org.zones import utc_offset
from mock_server.protocols.instance import instance_url
from mock_server.protocols.rest.replies import DATA, answer, base_of, data_url, routes

_CONNECT, _CHATTER = f"{DATA}/connect", f"{DATA}/chatter"
_ON = frozenset({"files", "publisherActions"})
_FEATURES = (
    "activityReminderNotificationsEnabled", "chatter", "chatterActivity", "chatterAnswers", "chatterGlobalInfluence",
    "chatterGroupRecordSharing", "chatterGroupRecords", "chatterMessages", "chatterTopics", "communitiesEnabled",
    "communityModeration", "communityReputation", "dashboardComponentSnapshots", "feedPolling", "feedStreamEnabled",
    "files", "filesOnComments", "forecasting", "ideas", "managedTopicsEnabled", "mobileNotificationsEnabled",
    "multiCurrency", "offlineEditEnabled", "publisherActions", "storeDataOnDevicesEnabled", "thanksAllowed",
    "trendingTopics", "viralInvitesAllowed", "wave",
)  # fmt: skip
_SESSION_MINUTES = 120


def _encoded(call: Call, body: Any) -> Reply:
    """Answer with texts that can stand in HTML, unless the client asks for them as they are."""
    plain = call.headers.get("X-Chatter-Entity-Encoding", "").strip().lower() == "false"
    return answer(body if plain else _escaped(body))


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return escape(value).replace("&#x27;", "&#39;")
    if isinstance(value, dict):
        return {key: one if key.lower().endswith("url") else _escaped(one) for key, one in value.items()}
    return [_escaped(one) for one in value] if isinstance(value, list) else value


@routes(Operation("rest.connect.list", "GET", _CONNECT, "read", summary="List the resources of Connect"))
async def connect(call: Call) -> Reply:
    base = f"{data_url(call)}/connect"
    return answer({name: f"{base}/{name}" for name in ("communities", "organization")})


@routes(Operation("rest.chatter.list", "GET", _CHATTER, "read", summary="List the resources of Chatter"))
async def chatter(call: Call) -> Reply:
    return answer({"users": f"{data_url(call)}/chatter/users"})


@routes(
    Operation(
        "rest.connect.organization", "GET", f"{_CONNECT}/organization", "read",
        summary="Tell the org's features and what the user may do",
    ),
    Operation("rest.connect.organization", "GET", f"{_CHATTER}/organization", "read"),
)  # fmt: skip
async def organization(call: Call) -> Reply:
    (org,) = call.org.query(call.session, "SELECT Name FROM Organization LIMIT 1", base=base_of(call)).records
    user = call.org.directory.by_id(call.session.user_id)
    zone = user.time_zone if user else "GMT"
    offset = utc_offset(zone, call.org.clock.now()) / 3_600_000
    may = call.org.may
    features: dict[str, Any] = {name: name in _ON for name in _FEATURES}
    features["defaultCurrencyIsoCode"] = "USD"
    settings = {
        "approvalPosts": False,
        "canAccessPersonalStreams": False,
        "canFollow": False,
        "canModifyAllData": may(call.session, "ModifyAllData"),
        "canOwnGroups": False,
        "canViewAllData": may(call.session, "ViewAllData", "ModifyAllData"),
        "canViewAllGroups": may(call.session, "ModifyAllData"),
        "canViewAllUsers": may(call.session, "ViewAllUsers", "ManageUsers", "ModifyAllData"),
        "canViewCommunitySwitcher": False,
        "canViewFullUserProfile": True,
        "canViewPublicFiles": True,
        "currencySymbol": "$",
        "externalUser": False,
        "hasAccessToInternalOrg": True,
        "hasChatter": False,
        "hasRestDataApiAccess": may(call.session, "ApiEnabled"),
        "timeZone": {"gmtOffset": offset, "name": zone},
        "userDefaultCurrencyIsoCode": None,
        "userId": call.session.user_id,
        "userLocale": user.locale if user else "en_US",
    }
    body = {
        "accessTimeout": _SESSION_MINUTES,
        "features": dict(sorted(features.items())),
        "maintenanceInfo": [],
        "name": org["Name"],
        "orgId": call.org.id,
        "userSettings": settings,
    }
    return _encoded(call, body)


@routes(
    Operation(
        "rest.connect.communities", "GET", f"{_CONNECT}/communities", "read",
        summary="List the communities: the org has none",
    )
)  # fmt: skip
async def communities(call: Call) -> Reply:
    return answer({"communities": [], "total": 0})


# -- users

_USERS = f"{_CHATTER}/users"
_PAGE, _MOST = 25, 100
_FIELDS = (
    "Id", "Name", "FirstName", "LastName", "Username", "Email", "CompanyName", "Title", "Phone", "MobilePhone", "Fax",
    "Street", "City", "State", "PostalCode", "Country", "AboutMe", "CommunityNickname", "IsActive", "UserType",
    "ManagerId",
)  # fmt: skip
_PHONES = (("Work", "Phone"), ("Mobile", "MobilePhone"), ("Fax", "Fax"))
_KINDS = {"Standard": "Internal", "Guest": "Guest", "CsnOnly": "ChatterOnly"}


@routes(
    Operation(
        "rest.chatter.users", "GET", _USERS, "read", rows="many", query=("page", "pageSize", "q"),
        summary="List the users, by name",
    )
)  # fmt: skip
async def users(call: Call) -> Reply:
    size, number = _number(call, "pageSize", _PAGE, 1, _MOST), _number(call, "page", 0, 0, 20)
    wanted = call.query.get("q", "").strip()
    if wanted and len(wanted.strip("*?")) < 2:
        raise errors.ILLEGAL_QUERY_PARAMETER_VALUE(text="The parameter q takes at least two characters")
    where = ""
    if wanted:
        pattern = escaped(wanted, pattern=True).replace("*", "%").replace("?", "_")
        where = f" WHERE Name LIKE '{pattern}%' OR LastName LIKE '{pattern}%'"
    found = _select(call, f"{where} ORDER BY Name, Id LIMIT {size + 1} OFFSET {number * size}")
    more = number + 1 if len(found) > size else None
    before = number - 1 if number else None

    def at(page: int | None) -> str | None:
        return None if page is None else f"{data_url(call)}/chatter/users?page={page}&pageSize={size}"

    body = {
        "currentPageToken": number,
        "currentPageUrl": at(number),
        "nextPageToken": more,
        "nextPageUrl": at(more),
        "previousPageToken": before,
        "previousPageUrl": at(before),
        "users": [_user(call, row) for row in found[:size]],
    }
    return _encoded(call, body)


def _number(call: Call, name: str, default: int, low: int, high: int) -> int:
    given = call.query.get(name) or str(default)
    if not (given.isascii() and given.isdigit() and len(given) < 5 and low <= int(given) <= high):
        raise errors.UI_NUMBER_OUTSIDE_VALID_RANGE(name=name, low=low, high=high)
    return int(given)


def _select(call: Call, tail: str) -> list[dict[str, Any]]:
    known = call.schema.get("User")
    if known is None:
        return []
    names = [name for name in _FIELDS if name in known.by_name]
    soql = f"SELECT {', '.join(names)}, Manager.Name FROM User{tail}"  # noqa: S608  # quoted where it comes from outside
    return call.org.query(call.session, soql, base=base_of(call)).records


@routes(
    Operation(
        "rest.chatter.user", "GET", f"{_USERS}/{{user}}", "read", rows="one",
        summary="Read a user, or oneself by the name me",
    )
)  # fmt: skip
async def user(call: Call) -> Reply:
    return _encoded(call, _user(call, _found(call, call.args["user"])))


def _found(call: Call, given: str) -> dict[str, Any]:
    identifier = call.session.user_id if given.lower() == "me" else to_18(given)
    found = _select(call, f" WHERE Id = '{identifier}'") if identifier and identifier.startswith("005") else []
    if not found:
        raise errors.NOT_FOUND()
    return found[0]


def _user(call: Call, row: dict[str, Any]) -> dict[str, Any]:
    identifier = row["Id"]
    manager = row.get("Manager")
    return {
        "aboutMe": row.get("AboutMe"),
        "additionalLabel": None,
        "address": _address(row),
        "bannerPhoto": _banner(call, identifier),
        "chatterActivity": dict.fromkeys(("commentCount", "commentReceivedCount", "likeReceivedCount", "postCount"), 0),
        "chatterInfluence": {"percentile": "0.0", "rank": 1},
        "communityNickname": row.get("CommunityNickname"),
        "companyName": row.get("CompanyName"),
        "displayName": row["Name"],
        "email": row.get("Email"),
        "firstName": row.get("FirstName"),
        "followersCount": 0,
        "followingCounts": {"people": 0, "records": 0, "total": 0},
        "groupCount": 0,
        "hasChatter": False,
        "id": identifier,
        "isActive": row.get("IsActive"),
        "isInThisCommunity": True,
        "lastName": row.get("LastName"),
        "managerId": row.get("ManagerId"),
        "managerName": manager["Name"] if manager else None,
        "motif": {
            "color": "65CAE4",
            "largeIconUrl": "/img/icon/profile64.png",
            "mediumIconUrl": "/img/icon/profile32.png",
            "smallIconUrl": "/img/icon/profile16.png",
            "svgIconUrl": None,
        },
        "mySubscription": None,
        "name": row["Name"],
        "outOfOffice": {"message": ""},
        "phoneNumbers": [
            {"label": kind, "phoneNumber": row[name], "phoneType": kind} for kind, name in _PHONES if row.get(name)
        ],
        "photo": _photo(call, identifier),
        "reputation": None,
        "thanksReceived": None,
        "title": row.get("Title"),
        "type": "User",
        "url": f"{data_url(call)}/chatter/users/{identifier}",
        "userType": _KINDS.get(row.get("UserType") or "", "Internal"),
        "username": row.get("Username"),
    }


def _address(row: dict[str, Any]) -> dict[str, Any]:
    city, state, code = row.get("City"), row.get("State"), row.get("PostalCode")
    line = " ".join(part for part in (f"{city}," if city and state else city, state, code) if part)
    lines = [part for part in (row.get("Street"), line, row.get("Country")) if part]
    return {
        "city": city,
        "country": row.get("Country"),
        "formattedAddress": "\n".join(lines) or None,
        "state": state,
        "street": row.get("Street"),
        "zip": code,
    }


def _photo(call: Call, identifier: str) -> dict[str, Any]:
    pages = instance_url(call, call.org)
    mail = f"{pages}/img/userprofile/default_profile"
    return {
        "fullEmailPhotoUrl": f"{mail}_200_v2.png?fromEmail=1",
        "largePhotoUrl": f"{pages}/profilephoto/005/F",
        "mediumPhotoUrl": f"{pages}/profilephoto/005/M",
        "photoVersionId": None,
        "smallPhotoUrl": f"{pages}/profilephoto/005/T",
        "standardEmailPhotoUrl": f"{mail}_45_v2.png?fromEmail=1",
        "url": f"{data_url(call)}/connect/user-profiles/{identifier}/photo",
    }


def _banner(call: Call, identifier: str) -> dict[str, Any]:
    return {
        "bannerPhotoUrl": f"{instance_url(call, call.org)}/profilephoto/005/B",
        "bannerPhotoVersionId": None,
        "url": f"{data_url(call)}/connect/user-profiles/{identifier}/banner-photo",
    }


_PROFILE = f"{_CONNECT}/user-profiles/{{user}}"


@routes(Operation("rest.connect.photo", "GET", f"{_PROFILE}/photo", "read", summary="Tell where a user's photo is"))
async def photo(call: Call) -> Reply:
    return _encoded(call, _photo(call, _found(call, call.args["user"])["Id"]))


@routes(
    Operation("rest.connect.banner", "GET", f"{_PROFILE}/banner-photo", "read", summary="Tell where a user's banner is")
)
async def banner(call: Call) -> Reply:
    return _encoded(call, _banner(call, _found(call, call.args["user"])["Id"]))
