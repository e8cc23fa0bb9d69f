"""Submitting records for approval, approving, rejecting and recalling them, each within a transaction of its own.

Sources: REST API Developer Guide, "Process Approvals"; Apex Developer Guide, "Approval Processing"; texts from recall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mock_server.org import errors
from mock_server.org.approvals import rows
from mock_server.org.approvals.processes import ApprovalProcess, ApprovalStep
from mock_server.org.automation.execution import DmlError
from mock_server.org.clock import stamp
from mock_server.org.ids import to_18

if TYPE_CHECKING:
    from mock_server.org.automation.inner import InnerOrg
    from mock_server.org.identity.sessions import Session
    from mock_server.org.org import Org

ACTIONS = ("Submit", "Approve", "Reject", "Removed")
_ENDS = {"Approve": "Approved", "Reject": "Rejected", "Removed": "Removed"}
_LONGEST_COMMENT = 4_000


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of a request."""

    instance: str
    status: str
    entity: str
    actors: tuple[str, ...]
    items: tuple[str, ...]
    """The work items that are new."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One request: what is to be done to what, and what is said about it."""

    action: str
    context: Any = None
    actor: Any = None
    comments: Any = None
    next_approvers: Any = None
    process: Any = None
    skip_entry: bool = False


def act(org: Org, who: Session, inner: InnerOrg, wish: Wish) -> Acted:
    """Do what is wished. Raises ApiError."""
    if wish.context in (None, ""):
        raise errors.PROCESS_FIELD_MISSING(name="contextId", fields=["contextId"])
    identifier = to_18(wish.context) if isinstance(wish.context, str) else None
    if identifier is None:
        raise errors.MALFORMED_ID(value=str(wish.context)[:100])
    comments = None if wish.comments is None else str(wish.comments)
    if comments is not None and len(comments) > _LONGEST_COMMENT:
        raise errors.STRING_TOO_LONG(label="Comments", value=comments[:100], length=_LONGEST_COMMENT)
    acting = _Acting(org, who, inner, comments)
    if wish.action == "Submit":
        return acting.submit(identifier, wish)
    return acting.decide(identifier, wish)


class _Acting:
    def __init__(self, org: Org, who: Session, inner: InnerOrg, comments: str | None) -> None:
        self._org = org
        self._who = who
        self._inner = inner
        self._comments = comments
        self._whole = org.accesses.of(who.user_id) is None

    def _find(self, name: str, column: str, values: Sequence[str]) -> list[dict[str, Any]]:
        return rows.find(self._org.schema, self._org.store, name, column, values)

    # -- submitting

    def submit(self, target: str, wish: Wish) -> Acted:
        sobject = self._org.schema.by_prefix(target[:3])
        if sobject is None or not self._org.reached(self._who, sobject, [target]):
            raise errors.INVALID_CROSS_REFERENCE_KEY()
        if not self._fits(sobject.name, target, None):
            raise errors.INVALID_CROSS_REFERENCE_KEY()
        pending = [
            one for one in self._find("ProcessInstance", "TargetObjectId", [target]) if one["Status"] == "Pending"
        ]
        if pending:
            raise errors.ALREADY_IN_PROCESS()
        process = self._applicable(sobject.name, target, wish)
        submitter = self._submitter(wish.actor)
        instance = rows.put(
            self._org,
            "ProcessInstance",
            {
                "ProcessDefinitionId": process.id, "TargetObjectId": target, "Status": "Pending",
                "SubmittedById": submitter, "LastActorId": submitter,
            },
            submitter,
        )  # fmt: skip
        rows.define(self._org, process)
        self._note(instance, "Started", submitter, submitter, None)
        self._set(process, "Submit", target)
        return self._onward(process, instance, target, 0, wish.next_approvers)

    def _submitter(self, given: Any) -> str:
        """Return who submits: the caller, or whom an administrator names."""
        if given in (None, ""):
            return self._who.user_id
        wanted = self._user(given)
        if wanted != self._who.user_id and not self._whole:
            raise errors.INSUFFICIENT_ACCESS_OR_READONLY()
        return wanted

    def _user(self, given: Any) -> str:
        identifier = to_18(given) if isinstance(given, str) else None
        if identifier is None or self._org.directory.by_id(identifier) is None:
            raise errors.INVALID_CROSS_REFERENCE_KEY()
        return identifier

    def _applicable(self, sobject: str, target: str, wish: Wish) -> ApprovalProcess:
        wanted = str(wish.process or "").lower()
        for process in self._org.approvals.of(sobject):
            if wanted and wanted not in (process.name.lower(), process.id.lower(), process.id[:15].lower()):
                continue
            skipped = bool(wanted) and wish.skip_entry
            if skipped or self._fits(sobject, target, process.entry):
                return process
        raise errors.NO_APPLICABLE_PROCESS()

    def _fits(self, sobject: str, target: str, condition: str | None) -> bool:
        return self._inner.count(asking(sobject, condition, target)) > 0

    # -- deciding

    def decide(self, identifier: str, wish: Wish) -> Acted:
        items = self._find("ProcessInstanceWorkitem", "Id", [identifier])
        if not items:
            raise errors.INVALID_CROSS_REFERENCE_KEY()
        item = items[0]
        (instance,) = self._find("ProcessInstance", "Id", [str(item["ProcessInstanceId"])])
        process = self._org.approvals.by_id(str(instance["ProcessDefinitionId"]))
        if process is None:
            raise errors.NO_APPLICABLE_PROCESS()
        recalls = wish.action == "Removed" and instance["SubmittedById"] == self._who.user_id
        if not (self._whole or recalls or item["ActorId"] == self._who.user_id):
            raise errors.INSUFFICIENT_ACCESS_OR_READONLY()
        target, number = str(instance["TargetObjectId"]), str(instance["Id"])
        nodes = self._find("ProcessInstanceNode", "ProcessInstanceId", [number])
        node = next(one for one in nodes if one["NodeStatus"] == "Pending")
        place = next(i for i, one in enumerate(process.steps) if process.node_id(one) == node["ProcessNodeId"])
        step, outcome = process.steps[place], _ENDS[wish.action]
        self._note(number, outcome, str(item["ActorId"]), self._who.user_id, process.node_id(step))
        waiting = self._find("ProcessInstanceWorkitem", "ProcessInstanceId", [number])
        others = [one for one in waiting if one["Id"] != identifier]
        if wish.action == "Approve" and step.unanimous and others:
            rows.remove(self._org, "ProcessInstanceWorkitem", [identifier])
            return Acted(number, "Pending", target, tuple(str(one["ActorId"]) for one in others), ())
        rows.remove(self._org, "ProcessInstanceWorkitem", [identifier, *(str(one["Id"]) for one in others)])
        now = stamp(self._org.clock.now())
        done = {"NodeStatus": outcome, "CompletedDate": now, "LastActorId": self._who.user_id}
        rows.change(self._org, "ProcessInstanceNode", str(node["Id"]), done, self._who.user_id)
        if wish.action == "Approve":
            return self._onward(process, number, target, place + 1, wish.next_approvers)
        return self._end(process, number, target, wish.action)

    # -- both

    def _onward(self, process: ApprovalProcess, instance: str, target: str, place: int, chosen: Any) -> Acted:
        """Ask the approvers of the next step that the record meets; where there is none, it is approved."""
        for step in process.steps[place:]:
            if step.criteria is None or self._fits(process.sobject, target, step.criteria):
                break
        else:
            return self._end(process, instance, target, "Approve")
        actors = self._asked(step, chosen)
        node = {
            "ProcessInstanceId": instance, "ProcessNodeId": process.node_id(step), "NodeStatus": "Pending",
            "ProcessNodeName": step.name,
        }  # fmt: skip
        rows.put(self._org, "ProcessInstanceNode", node, self._who.user_id)
        items = [
            rows.put(
                self._org,
                "ProcessInstanceWorkitem",
                {"ProcessInstanceId": instance, "OriginalActorId": actor, "ActorId": actor},
                self._who.user_id,
            )
            for actor in actors
        ]
        rows.change(self._org, "ProcessInstance", instance, {"LastActorId": self._who.user_id}, self._who.user_id)
        return Acted(instance, "Pending", target, tuple(actors), tuple(items))

    def _asked(self, step: ApprovalStep, chosen: Any) -> list[str]:
        if not step.approvers:
            listed = chosen if isinstance(chosen, list) else []
            if not listed:
                raise errors.PROCESS_FIELD_MISSING(name="nextApproverIds", fields=["nextApproverIds"])
            return [self._user(one) for one in dict.fromkeys(str(one) for one in listed)]
        found = []
        for name in step.approvers:
            user = self._org.directory.user(name)
            if user is None:
                # A user who is gone since the process was declared.
                raise errors.INVALID_CROSS_REFERENCE_KEY()
            found.append(user.id)
        return found

    def _end(self, process: ApprovalProcess, instance: str, target: str, action: str) -> Acted:
        outcome = _ENDS[action]
        now = stamp(self._org.clock.now())
        ended = {"Status": outcome, "CompletedDate": now, "LastActorId": self._who.user_id}
        rows.change(self._org, "ProcessInstance", instance, ended, self._who.user_id)
        self._set(process, action, target)
        return Acted(instance, outcome, target, (), ())

    def _note(self, instance: str, status: str, asked: str, actor: str, node: str | None) -> None:
        step = {
            "ProcessInstanceId": instance, "StepStatus": status, "OriginalActorId": asked, "ActorId": actor,
            "Comments": self._comments, "StepNodeId": node,
        }  # fmt: skip
        rows.put(self._org, "ProcessInstanceStep", step, actor)

    def _set(self, process: ApprovalProcess, action: str, target: str) -> None:
        """Set the fields that a process sets. Raises the error of the save, which undoes all of the request."""
        values: Mapping[str, Any] = process.changes.get(action) or {}
        if not values:
            return
        try:
            self._inner.set_fields(process.sobject, target, values)
        except DmlError as failed:
            raise next(found for found in failed.errors if found)[0] from None


def asking(sobject: str, condition: str | None, target: str | None = None) -> str:
    """Return the query that finds a record if it meets a condition."""
    where = [f"({condition})"] if condition else []
    where += [f"Id = '{target}'"] if target else []
    return f"SELECT Id FROM {sobject} WHERE {' AND '.join(where) or 'Id != null'} LIMIT 1"  # noqa: S608
