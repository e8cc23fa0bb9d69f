"""What is allowed in a scenario, and pointless: found without running anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from harness.crashes import is_crash
from harness.plans import InputFile, Policy, Scenario
from harness.service_plans import SERVICE, ChangeStep, RestartStep, all_steps, place_of
from harness.stage import fault_rules
from mock_server.documents import Problem, Steps, duration
from mock_server.org.errors import BY_CODE

if TYPE_CHECKING:
    from mock_server.operations import Operation

Rule = Mapping[str, Any]


def warnings(scenario: Scenario) -> list[str]:
    """Return what is pointless in a scenario that can be read, one line each, in order of place."""
    found = [problem for check in _CHECKS for problem in check(scenario)]
    return list(scenario.document.error(found).lines)


# -- the policy


def _impossible_policy(scenario: Scenario) -> Iterator[Problem]:
    policy, deadline = scenario.policy, scenario.deadline
    if policy is None or deadline is None:
        return
    least = least_wait(policy)
    if least > deadline:
        text = (
            f"the waits of {policy.attempts} attempts take {least:.3g}s at least, longer than the deadline "
            f"({deadline:g}s): no record can have all its attempts"
        )
        yield Problem(("policy", "attempts"), text)
    if policy.timeout is not None and policy.timeout >= deadline:
        text = f"the time-out ({policy.timeout:g}s) is not shorter than the deadline ({deadline:g}s)"
        yield Problem(("policy", "timeout"), text)


def least_wait(policy: Policy) -> float:
    """Return the seconds that a record waits at least, in sum, before the attempts of a policy are spent."""
    if policy.attempts is None or policy.base is None:
        return 0.0
    total, wait = 0.0, policy.base
    for _ in range(policy.attempts - 1):
        total += wait if policy.cap is None else min(wait, policy.cap)
        if total > 1e9:
            break
        wait *= policy.factor or 1.0
    return total * (1 - (policy.jitter or 0.0))


# -- fault rules


def _rules_too_late(scenario: Scenario) -> Iterator[Problem]:
    """Find rules whose time begins when the subject must have ended."""
    deadline, begins = scenario.deadline, _phase_starts(scenario)
    if deadline is None:
        return
    for place, rule in fault_rules(scenario):
        when = rule.get("when") or {}
        if when.get("between") and duration(when["between"][0]) >= deadline:
            yield Problem((*place, "when", "between"), f"{_called(rule)} begins after the deadline ({deadline:g}s)")
        start = begins.get(when.get("phase"), 0.0)
        if start >= deadline:
            text = f"{_called(rule)} belongs to a phase that begins after {start:g}s, when the deadline is over"
            yield Problem(place, text)
        outage = rule.get("outage")
        if outage and outage.get("up") is not None and duration(outage["up"]) >= deadline:
            yield Problem((*place, "outage", "up"), f"{_called(rule)} is up until the deadline ({deadline:g}s) is over")


def _phase_starts(scenario: Scenario) -> dict[str | None, float]:
    starts: dict[str | None, float] = {}
    moment = 0.0
    for phase in scenario.phases:
        starts[phase.name] = moment
        moment += phase.seconds or 0.0
    return starts


def _rules_without_rows(scenario: Scenario) -> Iterator[Problem]:
    """Find rules about objects, keys and counts that no input brings."""
    if not scenario.inputs:
        return
    objects = {plan.sobject.lower(): plan.sobject for plan in scenario.inputs}
    total = sum(len(plan.rows) if isinstance(plan, InputFile) else plan.count for plan in scenario.inputs)
    for place, rule in fault_rules(scenario):
        about = (rule.get("where") or {}).get("sobject")
        if about is not None and about.lower() not in objects and _only(rule, lambda one: one.kind == "write"):
            yield Problem(
                (*place, "where", "sobject"), f"{_called(rule)} is about {about}, and no input is one",
                tuple(objects.values()),
            )  # fmt: skip
        records = rule.get("records") or {}
        if isinstance(every := records.get("every"), int) and every > total:
            text = f"{_called(rule)} strikes one record in {every}, and there are {total} inputs"
            yield Problem((*place, "records", "every"), text)
        skip = (rule.get("when") or {}).get("skip") or 0
        if skip >= total * 100:
            text = f"{_called(rule)} leaves out the first {skip} times; {total} inputs will hardly make as many"
            yield Problem((*place, "when", "skip"), text)


def _rules_in_the_shade(scenario: Scenario) -> Iterator[Problem]:
    """Find rules behind one that strikes all that they are about, always."""
    always: list[Rule] = []
    for place, rule in fault_rules(scenario):
        if "latency" in rule or rule.get("records"):
            continue
        shade = next((other for other in always if _covers(other, rule)), None)
        if shade is not None:
            text = f"{_called(rule)} never strikes: {_called(shade)} stands before it and strikes every request"
            yield Problem(place, text)
        elif not (rule.get("when") or rule.get("where")) and _strikes_always(rule):
            always.append(rule)


def _strikes_always(rule: Rule) -> bool:
    if rule.get("reply") == "reset" and rule.get("at") != "after":
        return True
    return "status" in rule and rule.get("at") != "after"


def _covers(shade: Rule, rule: Rule) -> bool:
    mine, theirs = _names(rule), _names(shade)
    return bool(mine) and mine <= theirs and "outage" not in rule and "session" not in rule and "limit" not in rule


def _called(rule: Rule) -> str:
    return f"the rule {rule['name']}" if rule.get("name") else "this rule"


def _operations_of(rule: Rule) -> list[Operation]:
    from mock_server import api

    globs = [rule["on"]] if isinstance(rule["on"], str) else rule["on"]
    return [one for one in api.operations() if any(fnmatchcase(one.name, glob) for glob in globs)]


def _names(rule: Rule) -> set[str]:
    return {one.name for one in _operations_of(rule)}


def _only(rule: Rule, test: Callable[[Operation], bool]) -> bool:
    return all(test(one) for one in _operations_of(rule))


# -- expectations


def _unexercised(scenario: Scenario) -> Iterator[Problem]:
    """Find expected properties whose trigger none of the scenario's faults can cause."""
    rules = [rule for _, rule in fault_rules(scenario)]
    for name in scenario.expect:
        wanted = TRIGGERS.get(name)
        if name in _BY_RESTART and _restarts(scenario, _BY_RESTART[name]):
            continue
        if wanted is not None and not any(wanted[1](rule) for rule in rules):
            at: Steps = ("expect", name)
            yield Problem(at, f"{name} will not be exercised: no fault here {wanted[0]}", at_key=True)


def _restarts(scenario: Scenario, by: tuple[str, ...]) -> bool:
    return any(isinstance(step, RestartStep) and step.by in by for step in all_steps(scenario.events))


# -- services


def _idle_services(scenario: Scenario) -> Iterator[Problem]:
    """Find services that nothing happens to, and that are ready when nobody will ever call them."""
    plan = scenario.service
    if plan is None:
        return
    if not (scenario.events or scenario.inputs):
        text = "nothing happens while the service runs: write what does under events, or give it inputs"
        yield Problem(("service",), text, at_key=True)
    called = SERVICE in repr(scenario.org.declared)
    if plan.ready is not None and plan.ready.word == "port" and not called:
        yield Problem(("service", "ready"), f"no URL of the org names {SERVICE}: nobody will call this service")
    for name in () if called else scenario.expect:
        if name.startswith("callout."):
            text = f"{name} will not be exercised: no URL of the org names {SERVICE}"
            yield Problem(("expect", name), text, at_key=True)


def _nothing_to_undelete(scenario: Scenario) -> Iterator[Problem]:
    deleted: set[str] = set()
    for step in all_steps(scenario.events):
        if not isinstance(step, ChangeStep):
            continue
        if step.verb == "delete":
            deleted.add(step.sobject.lower())
        elif step.verb == "undelete" and step.sobject.lower() not in deleted:
            text = f"no {step.sobject} was deleted by a step before this one: there is nothing to undelete"
            yield Problem((*place_of(scenario.events, step), "undelete"), text)


def _kind(*kinds: str) -> Callable[[Rule], bool]:
    def causes(rule: Rule) -> bool:
        code = rule.get("error")
        if code in BY_CODE:
            return BY_CODE[code].kind in kinds
        return False

    return causes


def _passing(rule: Rule) -> bool:
    if rule.get("status") in (429, 500, 502, 503, 504) or "outage" in rule or is_crash(rule) or _ends_jobs(rule):
        return True
    late = rule.get("latency") is not None  # longer than the subject's time-out, it is a lost connection
    return late or rule.get("reply") in ("lost", "reset", "truncated", "malformed", "trickle") or _kind(
        "transient", "ambiguous"
    )(rule)  # fmt: skip


def _refusing(rule: Rule) -> bool:
    status = rule.get("status")
    return _kind("permanent")(rule) or (status in range(400, 500) and status not in (401, 429))


def _losing(rule: Rule) -> bool:
    if is_crash(rule) or "latency" in rule:
        return bool(rule.get("at") == "after" or "latency" in rule)
    late = rule.get("at") == "after" and ("status" in rule or "error" in rule)
    return late or rule.get("reply") in ("lost", "truncated", "malformed", "trickle")


def _ending(rule: Rule) -> bool:
    return "session" in rule or _kind("session")(rule) or rule.get("status") == 401


def _ends_jobs(rule: Rule) -> bool:
    job = rule.get("job")
    return job in ("stuck", "failed") or (isinstance(job, Mapping) and ("failed" in job or "stuck" in job))


def _aborts_jobs(rule: Rule) -> bool:
    job = rule.get("job")
    return job == "aborted" or (isinstance(job, Mapping) and "aborted" in job)


def _leaves_rows(rule: Rule) -> bool:
    """Tell whether a fault leaves a job with rows that failed, or that nobody came to."""
    return _failing_rows(rule) or _ends_jobs(rule) or _aborts_jobs(rule)


def _losing_in_a_job(rule: Rule) -> bool:
    return (_losing(rule) or rule.get("reply") == "reset") and any(
        one.name.startswith(("bulk1.", "bulk2.")) for one in _operations_of(rule)
    )


def _announcing(rule: Rule) -> bool:
    return any(str(name).lower() == "retry-after" for name in rule.get("headers") or {})


def _quota(rule: Rule) -> bool:
    return "limit" in rule or _kind("quota")(rule)


def _failing(rule: Rule) -> bool:
    return _passing(rule) or _refusing(rule) or _losing(rule) or _ending(rule) or _quota(rule)


def _failing_rows(rule: Rule) -> bool:
    return "error" in rule and rule.get("level") != "request"


_FURTHER = frozenset(
    {"rest.query.more", "bulk2.query.poll", "bulk2.query.results", "bulk2.query.pages", "bulk1.job.poll"}
    | {"bulk1.batch.list", "bulk1.batch.poll", "bulk1.batch.results", "bulk1.batch.download"}
)
"""What is asked for once a query, or a query job, has been begun."""


def _taking_away(rule: Rule) -> bool:
    job = rule.get("job")
    lost = isinstance(job, Mapping) and job.get("results") in ("gone", "expired")
    return lost or rule.get("error") == "INVALID_QUERY_LOCATOR"


TRIGGERS: dict[str, tuple[str, Callable[[Rule], bool]]] = {
    "retry.transient_retried": ("makes anything fail in a way that passes", _passing),
    "retry.permanent_not_retried": ("refuses anything for good", _refusing),
    "retry.bounded": ("makes anything fail", _failing),
    "retry.retry_after_honoured": ("sends Retry-After", _announcing),
    "retry.quiet_while_throttled": ("sends Retry-After", _announcing),
    "idempotency.lost_reply_create": ("loses the answer to a write that was done", _losing),
    "idempotency.lost_reply_collections": ("loses the answer to a write that was done", _losing),
    "idempotency.crash_safe": ("ends the subject's process", is_crash),
    "report.graceful_stop": ("asks the subject to stop", lambda rule: rule.get("subject") == "stop"),
    "session.refreshed_once": ("ends a session", _ending),
    "session.single_flight_refresh": ("ends a session", _ending),
    "session.stops_on_refused_refresh": ("ends a session", _ending),
    "session.expiry_keeps_progress": ("ends a session", _ending),
    "read.resumed_not_restarted": (
        "makes a further page, or a request about a query job, fail in a way that passes",
        lambda rule: _passing(rule) and not _FURTHER.isdisjoint(_names(rule)),
    ),
    "read.cursor_expiry_survived": ("takes a query locator, or the results of a job, away", _taking_away),
    "bulk.row_results_read": ("makes single rows fail", _failing_rows),
    "bulk.only_failed_rows_retried": ("makes single rows fail", _failing_rows),
    "bulk.failed_and_unprocessed_read": ("leaves rows of a job undone", _leaves_rows),
    "bulk.partial_is_not_success": ("makes single rows fail", _failing_rows),
    "idempotency.lost_reply_bulk": ("loses the answer to a step of a job", _losing_in_a_job),
    "limits.bulk_quota_respected": (
        "uses up a limit, or lets a job fail as a whole",
        lambda rule: _quota(rule) or _ends_jobs(rule),
    ),
    "dead_letter.complete": ("makes anything fail", _failing),
    "dead_letter.informative": ("makes anything fail", _failing),
}
"""What a fault must do before a property can be judged. Properties that need no fault, or more than a look at the rules
can tell, are not here."""

_BY_RESTART: dict[str, tuple[str, ...]] = {
    "report.graceful_stop": ("SIGTERM",),
    "idempotency.crash_safe": ("SIGKILL", "SIGTERM"),
}
"""Properties that the restart of a service puts to the test, too."""

_CHECKS = (
    _impossible_policy,
    _rules_too_late,
    _rules_without_rows,
    _rules_in_the_shade,
    _unexercised,
    _idle_services,
    _nothing_to_undelete,
)
