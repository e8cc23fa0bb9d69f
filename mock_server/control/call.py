"""One call of the control plane: its org, its body, and how it is answered or refused."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from mock_server.documents import Problem, nearest
from mock_server.faults.reader import Reader, shown
from mock_server.operations import JSON, Call, Kind, Operation, Reply, Routes
from mock_server.org.errors import ApiError

if TYPE_CHECKING:
    from mock_server.world import World

Path = tuple[str | int, ...]


class Refused(Exception):
    """A control call that cannot be served: 400 wrong, 404 not there, 409 in the way of something."""

    def __init__(self, status: int, message: str, path: str = "", allowed: Iterable[str] = (), like: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.path = path
        self.allowed = tuple(allowed)
        self.nearest = nearest(like, self.allowed) if like and self.allowed else None


@dataclass(slots=True)
class ControlCall(Call):
    world: World = None  # type: ignore[assignment]  # set by the plane before a handler runs

    def any_json(self) -> Any:
        """Return the parsed body. Raises Refused."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise Refused(400, f"the body is not JSON: {error}") from None

    @contextmanager
    def reading(self, *keys: str, what: str) -> Iterator[Reader]:
        """Give a reader of the body, a JSON object with at most these keys; an empty body stands for `{}`.

        Raises Refused with the first problem when the block ends.
        """
        value = self.any_json() if self.body.strip() else {}
        if not isinstance(value, dict):
            raise Refused(400, f"the body must be a JSON object, not {shown(value)}")
        problems: list[Problem] = []
        reader = Reader(value, (), problems)
        reader.only(keys, what)
        yield reader
        raise_first(problems)

    def since(self) -> int:
        """Return the `since` parameter, 0 when there is none. Raises Refused."""
        given = self.query.get("since", "0")
        if not given.isdecimal() or len(given) > 18:
            raise Refused(400, f"since must be a number, not {shown(given)}", "since")
        return int(given)


def raise_first(problems: list[Problem] | tuple[Problem, ...], under: Path = ()) -> None:
    """Raise the first of some problems as Refused, its path under the given one."""
    for problem in problems:
        refused = Refused(400, problem.message, spelt((*under, *problem.path)), problem.allowed)
        refused.nearest = problem.nearest
        raise refused


def spelt(path: str | Iterable[str | int]) -> str:
    """Write a path as `faults[0].when.times`."""
    if isinstance(path, str):
        return path
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _plain(value: Any) -> str:
    """Write what JSON has no form for: the bytes of a file in Base64, all else as text."""
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)


def answer(value: Any, status: int = 200) -> Reply:
    return Reply(status, orjson.dumps(value, default=_plain), JSON)


def done() -> Reply:
    return Reply(204, b"", None)


def render_refusal(refused: Refused) -> Reply:
    body = {"error": refused.message, "path": refused.path, "allowed": refused.allowed, "nearest": refused.nearest}
    return answer(body, refused.status)


def render_error(error: ApiError) -> Reply:
    """Answer with an error of the platform: a query or a record that was wrong."""
    return render_refusal(Refused(error.status if 400 <= error.status < 500 else 400, f"{error.code}: {error.message}"))


Handler = Callable[[ControlCall], Awaitable[Reply]]


class ControlRoutes(Routes):
    """Routes of handlers that take a ControlCall."""

    def at(self, *operations: Operation) -> Callable[[Handler], Handler]:
        """Declare a handler's operation, at one path or several."""
        declare = self(*operations)

        def declared(handler: Handler) -> Handler:
            async def run(call: Call) -> Reply:
                assert isinstance(call, ControlCall)
                return await handler(call)

            declare(run)
            return handler

        return declared

    def of_org(self, name: str, method: str, path: str, summary: str) -> Callable[[Handler], Handler]:
        """Declare a handler for an org's own path, which also exists without the org: for the default one."""
        return self.at(
            operation(name, method, f"/_mock/orgs/{{org}}/{path}", summary),
            operation(name, method, f"/_mock/{path}", summary),
        )


def operation(name: str, method: str, path: str, summary: str) -> Operation:
    kind: Kind = "read" if method == "GET" else "write"
    return Operation(f"control.{name}", method, path, kind, counted=False, auth=False, summary=summary)


routes = ControlRoutes(render_error)
