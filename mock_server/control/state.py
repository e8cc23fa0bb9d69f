"""An org's sessions, limits and clock."""

from __future__ import annotations

import math

from mock_server.control.call import ControlCall, Refused, answer, routes
from mock_server.faults.reader import shown
from mock_server.operations import Reply


@routes.of_org("tokens.mint", "POST", "tokens", "Open a session")
async def mint(call: ControlCall) -> Reply:
    with call.reading(what="a new token"):
        directory = call.org.directory
    app = directory.default_app
    session = call.org.sessions.open(directory.told_user, app, app.scopes)
    return answer({"access_token": session.token}, 201)


@routes.of_org("tokens.expire", "POST", "tokens/expire", "End one session, or all")
async def expire(call: ControlCall) -> Reply:
    return answer({"ended": int(call.org.sessions.expire(_token(call)))})


@routes.of_org("tokens.revoke", "POST", "tokens/revoke", "Take back an access or refresh token, or all")
async def revoke(call: ControlCall) -> Reply:
    return answer({"ended": int(call.org.sessions.revoke(_token(call)))})


def _token(call: ControlCall) -> str | None:
    with call.reading("token", what="the end of a token") as body:
        return body.text("token")


@routes.of_org("limits.read", "GET", "limits", "Show what is left of each limit")
async def limits(call: ControlCall) -> Reply:
    return answer(call.org.limits.body(untold=True))


@routes.of_org("limits.change", "PATCH", "limits", "Change limits, or what is left of them")
async def set_limits(call: ControlCall) -> Reply:
    governor = call.org.limits
    known = governor.body(untold=True)
    changes: dict[str, tuple[int | None, int | None]] = {}
    with call.reading(*known, what="the list of limits") as body:
        for name in body.data:
            given = body.mapping(name)
            if given is None or name not in known:
                continue
            given.only(("Max", "Remaining"), "a limit")
            maximum, remaining = given.count("Max", 0), given.count("Remaining", 0)
            most = known[name]["Max"] if maximum is None else maximum
            if remaining is not None and remaining > most:
                given.refuse("Remaining", f"no more than {most} can remain of {name}")
            changes[name] = maximum, remaining
    for name, (maximum, remaining) in changes.items():
        governor.set(name, maximum, remaining)
    return answer(governor.body(untold=True))


@routes.of_org("clock.read", "GET", "clock", "Tell the org's time")
async def clock(call: ControlCall) -> Reply:
    return answer({"now": call.org.clock.now(), "mode": call.org.clock.mode})


@routes.of_org("clock.advance", "POST", "clock", "Move the org's time forward")
async def advance(call: ControlCall) -> Reply:
    with call.reading("advance", what="a clock") as body:
        seconds = body.data.get("advance")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not math.isfinite(seconds):
            body.refuse("advance", f"advance must be a number of seconds, not {shown(seconds)}")
    try:
        call.org.clock.advance(float(seconds or 0))
    except ValueError as error:
        raise Refused(400, str(error), "advance") from None
    return await clock(call)
