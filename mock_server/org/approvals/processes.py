"""What an approval process is, and an org's list of them (Metadata API Developer Guide, "ApprovalProcess")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from zlib import crc32

from mock_server.org.automation.hooks import HookError
from mock_server.org.ids import checksum
from mock_server.org.registered import Registered

Editability = Literal["AdminOnly", "AdminOrCurrentApprover"]
EDITABILITY: tuple[Editability, ...] = ("AdminOnly", "AdminOrCurrentApprover")
_NAME = re.compile(r"[A-Za-z]\w{0,79}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ApprovalStep:
    """One step: who is asked. Without approvers the submitter, or who approves before, names them."""

    name: str
    approvers: tuple[str, ...] = ()
    """Usernames."""
    unanimous: bool = False
    """Whether all of them must agree; else the first answer counts."""
    criteria: str | None = None
    """A condition of SOQL; the step is left out for records that do not meet it."""


@dataclass(frozen=True, slots=True)
class ApprovalProcess:
    """One process of an object. `entry` is a condition of SOQL that records must meet."""

    name: str
    sobject: str
    steps: tuple[ApprovalStep, ...]
    label: str = ""
    description: str | None = None
    entry: str | None = None
    editability: Editability = "AdminOnly"
    lock_approved: bool = True
    lock_rejected: bool = False
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Values that fields get, by what happened: Submit, Approve, Reject, Removed."""
    declared: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def id(self) -> str:
        return fixed_id("04a", self.name)

    def node_id(self, step: ApprovalStep) -> str:
        return fixed_id("04b", f"{self.name}/{step.name}")


def fixed_id(prefix: str, name: str) -> str:
    """Return the id of something that is declared: always the same, so that no other id depends on declarations."""
    fifteen = f"{prefix}Kd1{crc32(name.lower().encode()) % 10**9:09d}"
    return fifteen + checksum(fifteen)


class Approvals(Registered[ApprovalProcess]):
    """The approval processes of one org, in the order in which they are tried."""

    def check(self, process: ApprovalProcess) -> None:
        """Raise HookError for a process without a name of its own, or without steps."""
        if not _NAME.fullmatch(process.name):
            raise HookError(f"{process.name!r:.60} is no name of a process: letters, digits and _", "name")
        if any(one.name.lower() == process.name.lower() for one in self._all):
            raise HookError(f"the process {process.name} is there already", "name")
        if not process.steps:
            raise HookError("a process needs a step", "steps")

    def of(self, sobject: str) -> list[ApprovalProcess]:
        """Return the processes of an object, by its exact name."""
        return [one for one in self._all if one.sobject == sobject]

    def by_id(self, identifier: str) -> ApprovalProcess | None:
        return next((one for one in self._all if one.id == identifier), None)
