"""What an org's owner declares of each kind: list it, add to it, remove from it."""

from __future__ import annotations

from typing import Any

from mock_server import declarations
from mock_server.control.automation import refusal
from mock_server.control.call import ControlCall, Refused, answer, done, raise_first, routes
from mock_server.documents import Problem
from mock_server.operations import Reply
from mock_server.org.automation import HookError


def _declare(kind: str) -> None:
    """Give the control plane the paths of one kind."""

    @routes.of_org(f"{kind}.list", "GET", kind, f"List the org's {kind}")
    async def list_all(call: ControlCall) -> Reply:
        as_json = declarations.kind(kind).as_json
        return answer([as_json(one) for one in declarations.kept(call.org, kind)])

    @routes.of_org(f"{kind}.add", "POST", kind, f"Add to the org's {kind}: one, or a list, all or none")
    async def add(call: ControlCall) -> Reply:
        given = call.any_json()
        listed = given if isinstance(given, list) else [given]
        module = declarations.kind(kind)
        problems: list[Problem] = []
        read = []
        for place, value in enumerate(listed):
            read.append(module.read_one(value, (kind, place) if isinstance(given, list) else (), problems))
            raise_first(problems)
        before = list(declarations.kept(call.org, kind))
        added: list[Any] = []
        for place, one in enumerate(read):
            assert one is not None
            try:
                added.append(module.as_json(one.add_to(call.org)))
            except HookError as error:
                # All, or none: those before it go again.
                _put_back(call, kind, before)
                raise refusal(error, (kind, place) if isinstance(given, list) else ()) from None
        return answer(added if isinstance(given, list) else added[0], 201)

    @routes.of_org(f"{kind}.clear", "DELETE", kind, f"Remove all of the org's {kind}")
    async def clear(call: ControlCall) -> Reply:
        declarations.kept(call.org, kind).clear()
        return done()

    @routes.of_org(f"{kind}.remove", "DELETE", f"{kind}/{{name}}", f"Remove those of a name from the org's {kind}")
    async def remove(call: ControlCall) -> Reply:
        name, kept = call.args["name"], declarations.kept(call.org, kind)
        if not kept.remove(name):
            known = sorted({str(one.name) for one in kept})
            raise Refused(404, f"there is no {name} among the org's {kind}", "name", known, name)
        return done()


def _put_back(call: ControlCall, kind: str, before: list[Any]) -> None:
    kept = declarations.kept(call.org, kind)
    kept.clear()
    for one in before:
        kept.add(one)


for _kind in declarations.KINDS:
    _declare(_kind)
