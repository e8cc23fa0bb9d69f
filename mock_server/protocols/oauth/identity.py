"""Who a token belongs to: the identity URL and OpenID's userinfo."""

from __future__ import annotations

import re
from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org.identity import scopes
from mock_server.org.identity.directory import User
from mock_server.org.ids import to_15, to_18
from mock_server.org.zones import utc_offset
from mock_server.protocols.instance import identity_url, instance_url
from mock_server.protocols.oauth.forms import answer, identities, text
from mock_server.protocols.oauth.shapes import identity_answer

_VERSION = re.compile(r"[1-9][0-9]{0,2}\.[0-9]")


def _urls(call: Call) -> dict[str, str]:
    """Return the service urls; `{version}` stays for the client to fill, unless it asks for one, or for the latest."""
    base, org15 = instance_url(call, call.org), to_15(call.org.id)
    asked = call.query.get("version", "")
    version = f"{call.org.latest}.0" if asked == "latest" else asked if _VERSION.fullmatch(asked) else "{version}"
    data = f"{base}/services/data/v{version}/"
    return {
        "enterprise": f"{base}/services/Soap/c/{version}/{org15}",
        "metadata": f"{base}/services/Soap/m/{version}/{org15}",
        "partner": f"{base}/services/Soap/u/{version}/{org15}",
        "rest": data,
        "sobjects": f"{data}sobjects/",
        "search": f"{data}search/",
        "query": f"{data}query/",
        "recent": f"{data}recent/",
        "tooling_soap": f"{base}/services/Soap/T/{version}/{org15}",
        "tooling_rest": f"{data}tooling/",
        "profile": f"{base}/{call.session.user_id}",
        "feeds": f"{data}chatter/feeds",
        "groups": f"{data}chatter/groups",
        "users": f"{data}chatter/users",
        "feed_items": f"{data}chatter/feed-items",
        "feed_elements": f"{data}chatter/feed-elements",
        "custom_domain": base,
    }


def _user(call: Call) -> User:
    user = call.org.directory.by_id(call.session.user_id)
    assert user is not None
    return user


def _photos(call: Call) -> dict[str, str]:
    base = f"{instance_url(call, call.org)}/profilephoto/005"
    return {"picture": f"{base}/F", "thumbnail": f"{base}/T"}


def _standing(call: Call, user: User) -> dict[str, Any]:
    """Return what both services tell in the same words and order."""
    return {
        "active": user.active,
        "user_type": "STANDARD",
        "language": user.language,
        "locale": user.locale,
        "utcOffset": utc_offset(user.time_zone, call.org.clock.now()),
    }


def _modified(user: User) -> str:
    return f"{(user.modified or '')[:19]}Z"


@identities(
    Operation(
        "oauth.identity", "GET", "/id/{org}/{user}", "read", counted=False, summary="Tell who a token belongs to",
        # What a page of another site asks by JSONP can send no header.
        query=("format", "callback", "version", "oauth_token"), scopes=scopes.IDENTITY, token_parameter="oauth_token",  # noqa: S106
    )
)  # fmt: skip
async def identity(call: Call) -> Reply:
    if to_18(call.args["org"]) != call.org.id:
        return text(403, "Wrong_Org")
    if to_18(call.args["user"]) != call.session.user_id:
        return text(404, "Bad_Id")
    user = _user(call)
    body: dict[str, Any] = {
        "id": identity_url(call, user.id),
        "asserted_user": True,
        "user_id": user.id,
        "organization_id": call.org.id,
        "username": user.username,
        "nick_name": user.username.partition("@")[0],
        "display_name": user.name,
        "email": user.email,
        "email_verified": True,
        "first_name": user.first_name or None,
        "last_name": user.last_name,
        "timezone": user.time_zone,
        "photos": _photos(call),
        "addr_street": None,
        "addr_city": None,
        "addr_state": None,
        "addr_country": None,
        "addr_zip": None,
        "mobile_phone": None,
        "mobile_phone_verified": False,
        "is_lightning_login_user": False,
        "status": {"created_date": None, "body": None},
        "urls": _urls(call),
        **_standing(call, user),
        "last_modified_date": _modified(user),
        "is_app_installed": True,
    }
    return identity_answer(call, body)


@identities(
    Operation(
        "oauth.userinfo", "GET", "/services/oauth2/userinfo", "read", counted=False,
        summary="OpenID's user information", scopes=scopes.IDENTITY, query=("version",)
    ),
    Operation(
        "oauth.userinfo", "POST", "/services/oauth2/userinfo", "read", counted=False, scopes=scopes.IDENTITY,
        query=("version",)
    ),
)  # fmt: skip
async def userinfo(call: Call) -> Reply:
    user = _user(call)
    photos = _photos(call)
    return answer(
        {
            "sub": identity_url(call, user.id),
            "user_id": user.id,
            "organization_id": call.org.id,
            "preferred_username": user.username,
            "nickname": user.username.partition("@")[0],
            "name": user.name,
            "email": user.email,
            "email_verified": True,
            "given_name": user.first_name or None,
            "family_name": user.last_name,
            "zoneinfo": user.time_zone,
            "photos": photos,
            "profile": f"{instance_url(call, call.org)}/{user.id}",
            "picture": photos["picture"],
            "address": {},
            "is_salesforce_integration_user": False,
            "urls": _urls(call),
            **_standing(call, user),
            "updated_at": _modified(user),
        }
    )
