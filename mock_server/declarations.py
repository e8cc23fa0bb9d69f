"""What users declare of an org's own code and processes: a list a kind, in settings, scenarios, the control plane.

A kind is a module with `read`, `read_one`, `as_json` and `shape`; an org holds a list of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from mock_server.documents import Problem, Steps

if TYPE_CHECKING:
    from mock_server.faults.shapes import Shape
    from mock_server.org.org import Org

KINDS = (
    "apexrest", "actions", "approvals", "reports", "changeDataCapture", "namedCredentials", "outboundMessages",
    "callouts",
)  # fmt: skip
"""The keys in settings, in `org` of a scenario and below /_mock/."""


_MODULES = {
    "changeDataCapture": "capture",
    "namedCredentials": "outbound.declared_credentials",
    "outboundMessages": "outbound.declared_messages",
    "callouts": "outbound.declared_callouts",
}


class Declaration(Protocol):
    """One thing that is declared. Both raise HookError for what the org cannot have."""

    def check(self, org: Org) -> None: ...

    def add_to(self, org: Org) -> Any: ...


class Kept(Protocol):
    """An org's list of one kind."""

    def __iter__(self) -> Iterator[Any]: ...

    def add(self, one: Any) -> Any: ...

    def remove(self, name: str) -> bool: ...

    def clear(self) -> None: ...

    def become(self, other: Any) -> None: ...


class Kind(Protocol):
    NOUN: str
    """What one of them is called: `an endpoint`."""

    def read(self, value: object, path: Steps, problems: list[Problem]) -> tuple[Declaration, ...]: ...

    def read_one(self, value: object, path: Steps, problems: list[Problem]) -> Declaration | None: ...

    def as_json(self, one: Any) -> Any: ...

    def shape(self) -> Shape: ...


def kind(name: str) -> Kind:
    """Return a kind by its key. Late: a server without declarations need not know how they are read."""
    return cast(Kind, import_module(f"mock_server.{_MODULES.get(name, name)}"))


def read(
    given: Mapping[str, Any], path: Steps, problems: list[Problem], kinds: Iterable[str] = KINDS
) -> dict[str, tuple[Declaration, ...]]:
    """Read the lists of a mapping that are there; what is wrong with them is added to the problems."""
    return {
        name: kind(name).read(given[name], (*path, name), problems) for name in kinds if given.get(name) is not None
    }


def inherit(org: Org, template: Org) -> None:
    """Give an org what was declared in another one, or since then."""
    for name in KINDS:
        if has(template, name):
            kept(org, name).become(kept(template, name))


def clear(org: Org) -> None:
    for name in KINDS:
        if has(org, name):
            kept(org, name).clear()


_LISTS: dict[str, Callable[[Any], Any]] = {
    "apexrest": lambda org: org.endpoints,
    "actions": lambda org: org.actions,
    "approvals": lambda org: org.approvals,
    "reports": lambda org: org.reports,
    "changeDataCapture": lambda org: org.captured,
    "namedCredentials": lambda org: org.outbound.credentials,
    "outboundMessages": lambda org: org.outbound.messages,
    "callouts": lambda org: org.outbound.callouts,
}


def has(org: Org, name: str) -> bool:
    """Tell whether an org has a list of a kind at all: what is sent is not even loaded where nothing is."""
    return org.sends or not _MODULES.get(name, "").startswith("outbound.")


def kept(org: Org, name: str) -> Kept:
    """Return an org's list of a kind."""
    return cast(Kept, _LISTS[name](org))
