"""The registry: which path is which operation."""

from __future__ import annotations

import pytest

from mock_server.operations import Call, Operation, Reply, Routes
from mock_server.org.errors import ApiError
from mock_server.routing import Registry

PATHS = ("/a/{one}", "/a/{rest*}", "/a/b/c", "/a/{one}/d/{tail*}", "/x/{rest*}")


def _registry() -> Registry:
    routes = Routes(lambda error: Reply(error.status))

    async def handler(call: Call) -> Reply:
        return Reply()

    for number, path in enumerate(PATHS):
        routes(Operation(f"n{number}", "GET", path, "read"))(handler)
    return Registry([routes])


@pytest.mark.parametrize(
    ("path", "template", "values"),
    [
        ("/a/b", "/a/{one}", {"one": "b"}),
        ("/a/b/c", "/a/b/c", {}),
        ("/a/b/x", "/a/{rest*}", {"rest": "b/x"}),
        ("/a/b/c/d", "/a/{rest*}", {"rest": "b/c/d"}),
        ("/a/q/d/1/2", "/a/{one}/d/{tail*}", {"one": "q", "tail": "1/2"}),
        ("/a/b/d/1/2", "/a/{one}/d/{tail*}", {"one": "b", "tail": "1/2"}),
        ("/a/q/d", "/a/{rest*}", {"rest": "q/d"}),
        ("/x//y%2Fz/", "/x/{rest*}", {"rest": "y%2Fz"}),
        ("/x", None, {}),
        ("/a", None, {}),
    ],
)
def test_a_tail_takes_what_nothing_closer_does(path: str, template: str | None, values: dict[str, str]) -> None:
    call = Call(Operation("", "", "", "read"), "GET", path, "", {}, b"", "")
    if template is None:
        with pytest.raises(ApiError, match="The requested resource does not exist"):
            _registry().match(call)
        return
    route, found = _registry().match(call)
    assert (route.operation.path, found) == (template, values)
