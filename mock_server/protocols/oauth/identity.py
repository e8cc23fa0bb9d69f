"""Who a token belongs to: the identity URL and OpenID's userinfo."""

from __future__ import annotations

from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org.clock import stamp
from mock_server.org.identity.directory import User
from mock_server.org.ids import to_15, to_18
from mock_server.protocols.instance import identity_url, instance_url
from mock_server.protocols.oauth.forms import answer, identities


def _urls(call: Call) -> dict[str, str]:
    """Return the service urls; `{version}` stays for the client to fill."""
    base, org15 = instance_url(call, call.org), to_15(call.org.id)
    data = f"{base}/services/data/v{{version}}/"
    return {
        "enterprise": f"{base}/services/Soap/c/{{version}}/{org15}",
        "metadata": f"{base}/services/Soap/m/{{version}}/{org15}",
        "partner": f"{base}/services/Soap/u/{{version}}/{org15}",
        "rest": data,
        "sobjects": f"{data}sobjects/",
        "search": f"{data}search/",
        "query": f"{data}query/",
        "recent": f"{data}recent/",
        "tooling_soap": f"{base}/services/Soap/T/{{version}}/{org15}",
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
    user = call.org.directory.user(call.session.username)
    assert user is not None
    return user


@identities(
    Operation(
        "oauth.identity", "GET", "/id/{org}/{user}", "read", counted=False, summary="Tell who a token belongs to"
    )
)
async def identity(call: Call) -> Reply:
    if to_18(call.args["org"]) != call.org.id:
        return Reply(403, b"Wrong_Org", "text/plain;charset=UTF-8")
    if to_18(call.args["user"]) != call.session.user_id:
        return Reply(403, b"Bad_Id", "text/plain;charset=UTF-8")
    user = _user(call)
    url = identity_url(call, user.id)
    photo = f"{instance_url(call, call.org)}/profilephoto/005"
    body: dict[str, Any] = {
        "id": url,
        "asserted_user": True,
        "user_id": user.id,
        "organization_id": call.org.id,
        "username": user.username,
        "nick_name": user.username.partition("@")[0],
        "display_name": user.name,
        "email": user.email,
        "email_verified": True,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "timezone": "GMT",
        "photos": {"picture": f"{photo}/F", "thumbnail": f"{photo}/T"},
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
        "active": user.active,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_US",
        "utcOffset": 0,
        "last_modified_date": stamp(call.session.created),
        "is_app_installed": True,
    }
    return answer(body)


@identities(
    Operation(
        "oauth.userinfo", "GET", "/services/oauth2/userinfo", "read", counted=False, summary="OpenID's user information"
    ),
    Operation("oauth.userinfo", "POST", "/services/oauth2/userinfo", "read", counted=False),
)
async def userinfo(call: Call) -> Reply:
    user = _user(call)
    base = instance_url(call, call.org)
    photos = {"picture": f"{base}/profilephoto/005/F", "thumbnail": f"{base}/profilephoto/005/T"}
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
            "given_name": user.first_name,
            "family_name": user.last_name,
            "zoneinfo": "GMT",
            "photos": photos,
            "profile": f"{base}/{user.id}",
            "picture": photos["picture"],
            "address": {},
            "is_salesforce_integration_user": False,
            "urls": _urls(call),
            "active": user.active,
            "user_type": "STANDARD",
            "language": "en_US",
            "locale": "en_US",
            "utcOffset": 0,
            "updated_at": stamp(call.session.created),
        }
    )
