"""`job: ...`: what becomes of a job that a request makes, fills or closes, or of the results that it asks for.

job: stuck                          # InProgress until the rule is taken away; {stuck: 0.5}: when half is done
job: {slow: 5m}                     # it takes that long at least
job: {failed: 0.5, message: ...}    # it fails when half of its rows are done, the rest is unprocessed
job: {aborted: 0.5}                 # an administrator aborts it then
job: {results: truncated}           # expired | truncated | gone
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, Self, cast

from mock_server.faults import losses
from mock_server.faults.effects.effect import Effect, Point
from mock_server.faults.reader import Reader, shown
from mock_server.faults.shapes import DURATION, SHARE, Shape, mapping
from mock_server.org.chance import Random
from mock_server.org.jobs.doom import DEFECT, Doom, Loss

if TYPE_CHECKING:
    from mock_server.operations import Call, Operation, Reply
    from mock_server.org.org import Org

INGEST = frozenset({"bulk2.ingest.create", "bulk2.ingest.upload", "bulk2.ingest.close"})
BEGIN = INGEST | {"bulk2.query.create", "bulk1.job.create", "bulk1.batch.create", "bulk1.job.close"}
"""The requests by which a job, or a batch of it, gets on its way."""
HOW = ("stuck", "slow", "failed", "aborted", "results")
PLAIN = ("stuck", "failed", "aborted")
"""What can be said without more: before the first row."""
LOSSES = ("expired", "truncated", "gone")
_LONGEST = 1000


@dataclass(slots=True, eq=False)
class JobFault(Effect):
    """Struck at the request that begins a job, it lasts as long as the rule is in force; struck at a download, it is
    about that download alone."""

    key: ClassVar[str] = "job"
    points: ClassVar[frozenset[Point]] = frozenset({"before", "after", "reply"})
    inside: ClassVar[bool] = False
    at_once: ClassVar[bool] = True

    doom: Doom
    until: float = math.inf

    @classmethod
    def read(cls, reader: Reader, *, rows_selected: bool) -> Self | None:
        if rows_selected:
            reader.refuse("records", "job is about whole jobs; `error` with `records` fails rows of them")
        value = reader.data.get("job")
        if isinstance(value, str):
            if value not in PLAIN:
                more = f": write `job: {{{value}: ...}}`" if value in HOW else ""
                reader.refuse(
                    "job", f"job is one of {', '.join(PLAIN)}, or a mapping, not {shown(value)}{more}", HOW, value
                )
                return None
            return cls(_doom(value, 0.0, DEFECT))
        given = reader.mapping("job")
        if given is None:
            return None
        before = len(reader.problems)
        found = _read(given)
        return cls(found) if found is not None and len(reader.problems) == before else None

    @classmethod
    def shapes(cls) -> dict[str, Shape]:
        keys = {
            "stuck": SHARE, "slow": DURATION, "failed": SHARE, "aborted": SHARE,
            "message": {"type": "string", "minLength": 1, "description": "why it failed: `Code : text`"},
            "results": {"enum": list(LOSSES)},
        }  # fmt: skip
        one = {"oneOf": [{"required": [how], "properties": {how: {"not": {"type": "null"}}}} for how in HOW]}
        told = "what becomes of the job: one of stuck, slow, failed, aborted (at a share of its rows), results"
        return {"job": {"description": told, "anyOf": [{"enum": list(PLAIN)}, mapping(keys) | one]}}

    def point(self, operation: Operation) -> Point:
        if operation.name in BEGIN:
            return "after"
        return "reply" if self.doom.loss == "truncated" else "before"

    def refuses(self, operation: Operation) -> str | None:
        name, loss = operation.name, self.doom.loss
        if name not in BEGIN | losses.DOWNLOADS:
            return f"{name} neither begins a job nor brings results of one"
        if loss is None and name not in BEGIN:
            return f"{name} begins no job; results of one can be {', '.join(LOSSES)}"
        if loss == "gone" and name in INGEST | losses.INGEST:
            return f"{name} goes by the job's own id: its results have no locator that could be gone"
        if loss == "truncated" and name == losses.PAGES:
            return f"{name} lists pages, and brings no rows"
        if loss == "gone" and name not in BEGIN | losses.LOCATED:
            return f"{name} goes by no locator or result id"
        return None

    def applies(self, call: Call, age: float) -> bool:
        if call.operation.name in BEGIN:
            return call.entry.job is not None
        if self.doom.loss == "truncated":
            told, reply = call.entry.job, call.reply
            if told is None or reply is None or reply.status != 200 or losses.cut(call, told) is not None:
                return False
            return losses.has_rows(call, told)
        if self.doom.loss == "gone":
            return losses.located(call)
        return losses.finished(call) is not None

    async def strike(self, call: Call, point: Point, chance: Random) -> Reply | None:
        told, loss = call.entry.job, self.doom.loss
        if point == "after":
            assert told is not None
            rule = next(strike.rule for strike in reversed(call.entry.strikes) if strike.effect == self.key)
            call.org.jobs.dooms.add(told.batch or told.id, replace(self.doom, by=rule, until=self.until), self)
        elif point == "reply":
            assert call.reply is not None
            return losses.truncated(call, call.reply)
        elif loss is not None:
            losses.before(call, loss)
        return None

    def begin(self, until: float | None) -> None:
        self.until = math.inf if until is None else until

    def end(self, org: Org) -> None:
        org.jobs.dooms.lift(self)


def _read(given: Reader) -> Doom | None:
    given.only((*HOW, "message"), "job")
    said = [how for how in HOW if how in given]
    if not said:
        given.refuse((), f"job needs what becomes of it: one of {', '.join(HOW)}", HOW)
        return None
    if len(said) > 1:
        given.refuse(said[1], f"a rule has one of {', '.join(HOW)}: write a rule for each")
    how = said[0]
    message = given.text("message")
    if message is not None and how != "failed":
        given.refuse("message", f"message belongs to failed, not to {how}")
    elif message is not None and (len(message) > _LONGEST or not message.isprintable()):
        given.refuse("message", f"message must be one line of at most {_LONGEST} characters")
    if how == "slow":
        lasts = given.seconds("slow")
        if lasts == 0:
            given.refuse("slow", "slow must be more than 0")
        return Doom(lasts=lasts or 0.0)
    if how == "results":
        return Doom(loss=cast("Loss | None", given.choice("results", LOSSES)))
    return _doom(how, given.share(how) or 0.0, message or DEFECT)


def _doom(how: str, share: float, why: str) -> Doom:
    if how == "stuck":
        return Doom(stuck=True, share=share)
    ends: Literal["Failed", "Aborted"] = "Failed" if how == "failed" else "Aborted"
    return Doom(ends=ends, share=share, why=why)
