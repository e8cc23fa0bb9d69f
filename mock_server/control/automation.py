"""An org's hooks: those that are declared can be added here; code is added by whoever runs the server."""

from __future__ import annotations

from mock_server import automation
from mock_server.control.call import ControlCall, Refused, answer, done, raise_first, routes, spelt
from mock_server.documents import Problem
from mock_server.operations import Reply
from mock_server.org.automation import HookError


@routes.of_org("automation.list", "GET", "automation", "List the hooks")
async def list_hooks(call: ControlCall) -> Reply:
    return answer([automation.as_json(hook) for hook in call.org.automation.hooks])


@routes.of_org("automation.add", "POST", "automation", "Add one declared hook, or a list of them: all, or none")
async def add(call: ControlCall) -> Reply:
    given = call.any_json()
    listed = given if isinstance(given, list) else [given]
    problems: list[Problem] = []
    hooks = []
    for place, value in enumerate(listed):
        path = ("automation", place) if isinstance(given, list) else ()
        hook = automation.read_one(value, path, problems)
        raise_first(problems)
        assert hook is not None
        try:
            hook.check(call.org.automation)
        except HookError as error:
            raise refusal(error, path) from None
        hooks.append(hook)
    added = [automation.as_json(hook.add_to(call.org.automation)) for hook in hooks]
    return answer(added if isinstance(given, list) else added[0], 201)


def refusal(error: HookError, path: tuple[str | int, ...]) -> Refused:
    return Refused(400, str(error), spelt((*path, *error.path)), error.allowed, error.like or "")


@routes.of_org("automation.clear", "DELETE", "automation", "Remove all hooks")
async def clear(call: ControlCall) -> Reply:
    call.org.automation.clear()
    return done()


@routes.of_org("automation.remove", "DELETE", "automation/{name}", "Remove the hooks of a name")
async def remove(call: ControlCall) -> Reply:
    name, hooks = call.args["name"], call.org.automation
    if not hooks.remove(name):
        raise Refused(404, f"there is no hook {name}", "name", sorted({hook.name for hook in hooks.hooks}), name)
    return done()
