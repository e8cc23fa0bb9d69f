"""What an event is, whoever published it and whichever protocol delivers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["platform", "change", "topic", "generic"]
"""`platform`: of an X__e; `change`: of change data capture; `topic`: of a PushTopic; `generic`: of a streaming one."""

LATEST = -1
"""Stands for the tip of a channel: only what is published from now on."""
EARLIEST = -2
"""Stands for all that a channel retains."""

Replay = int
"""LATEST, EARLIEST, or the replay id of an event: what follows it."""


class UnknownReplay(Exception):
    """A replay id that the org never gave out, or whose event is retained no more. `why` is `unknown`, or what a fault
    says of it: `expired`, `corrupt` or `foreign` (of another org)."""

    def __init__(self, replay_id: int, why: str = "unknown") -> None:
        super().__init__(f"no event of replay id {replay_id} is retained")
        self.replay_id = replay_id
        self.why = why


@dataclass(slots=True, eq=False)
class Event:
    """One event as it lies in a channel's log.

    `name` is the API name of its type (`Order__e`, `AccountChangeEvent`), or that of its topic or streaming channel.
    `payload` holds field values as REST would tell them: moments and dates as text, compound fields and the
    ChangeEventHeader as mappings, in the order of the type's fields. Of a topic it is what CometD calls `sobject`, of a
    generic event `{"payload": text}`. `told` are the further keys that CometD puts beside `replayId` into `event`
    (`EventUuid`, `createdDate`, `type`). `replay_id` and `at` (clock seconds) are set when it is appended. `forms`
    keeps encoded forms by the encoder's own key: an event is encoded once, however many subscribe. `exchange` is the
    journal entry of what caused it, 0 for none.
    """

    kind: Kind
    name: str
    payload: Mapping[str, Any]
    uuid: str | None = None
    schema_id: str | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    exchange: int = 0
    replay_id: int = 0
    at: float = 0.0
    forms: dict[str, Any] = field(default_factory=dict)
    recipients: frozenset[str] | None = None
    """Of a generic event: the ids of the users it is for, None for all who listen."""
