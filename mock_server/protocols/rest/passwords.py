"""Passwords of users: whether one is expired, setting it, and resetting it to one that is made up.

Source: REST API Developer Guide, "Manage User Passwords".
"""

from __future__ import annotations

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.chance import secret
from mock_server.org.identity.directory import SHORTEST_PASSWORD, User
from mock_server.org.ids import to_18
from mock_server.protocols.rest.replies import DATA, answer, empty, routes

_PATH = f"{DATA}/sobjects/User/{{id}}/password"
_MADE_UP = 12


@routes(Operation("rest.password.read", "GET", _PATH, "read", summary="Tell whether a user's password is expired"))
async def read(call: Call) -> Reply:
    user = _user(call)
    return answer({"isExpired": call.org.directory.expired(user.id)})


@routes(Operation("rest.password.set", "POST", _PATH, "write", "always", summary="Set a user's password"))
async def change(call: Call) -> Reply:
    user = _user(call)
    given = call.json_object().get("NewPassword")
    if not isinstance(given, str) or len(given) < SHORTEST_PASSWORD:
        text = f"Your password must be at least {SHORTEST_PASSWORD} characters long."
        raise errors.INVALID_NEW_PASSWORD(text=text)
    call.org.directory.set_password(user.id, given, keep=call.session.token)
    return empty()


@routes(Operation("rest.password.reset", "DELETE", _PATH, "write", "never", summary="Reset a user's password"))
async def reset(call: Call) -> Reply:
    user = _user(call)
    made = secret(_MADE_UP)
    call.org.directory.set_password(user.id, made, expired=True, keep=call.session.token)
    return answer({"NewPassword": made})


def _user(call: Call) -> User:
    """Return the user that the path names. Raises NOT_FOUND; INSUFFICIENT_ACCESS where it is none of the caller's."""
    identifier = to_18(call.args["id"])
    user = call.org.directory.by_id(identifier) if identifier else None
    if user is None:
        raise errors.NOT_FOUND()
    if user.id != call.session.user_id and not call.org.may(call.session, "ManageUsers", "ResetPasswords"):
        raise errors.INSUFFICIENT_ACCESS()
    return user
