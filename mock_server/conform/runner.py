"""Asks an org row by row, and takes away again whatever that made."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import sleep
from typing import Any, Literal
from urllib.parse import quote, urlencode
from xml.etree.ElementTree import ParseError

from mock_server.conform.patterns import Difference, compare, expression, fill, shown
from mock_server.conform.table import NEEDS, NOTHING, Row, Step
from mock_server.conform.target import Refused, Target, enter, own_mock
from mock_server.conform.wire import Answer

Verdict = Literal["held", "drift", "departs", "skipped"]
SWEPT = {
    "Task": "Subject",
    "Opportunity": "Name",
    "Case": "Subject",
    "Contact": "LastName",
    "Lead": "LastName",
    "Account": "Name",
}
"""The objects that rows make records of, children first, and the field that carries the run's mark."""
_JSON = "application/json"
_SOON, _LATER, _PATIENCE = 0.01, 5.0, 300.0
"""Seconds between two looks at something that takes time: at first, and at most; and how long it may take."""


class Skipped(Exception):
    """A row that this org cannot show."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a row. `departs`: a mock that answers otherwise and says why, or that no longer does (`drift`)."""

    row: Row
    verdict: Verdict
    reason: str = ""
    differences: tuple[Difference, ...] = ()
    request: str = ""

    @property
    def ok(self) -> bool:
        return self.verdict != "drift"


class Runner:
    """One run over one org. `left` are the ids of records that could not be deleted."""

    def __init__(self, target: Target, mark: str) -> None:
        self.target = target
        self._mark = mark
        self._number = 0
        self._made: dict[str, None] = {}
        self.left: list[str] = []

    def run(self, row: Row) -> Finding:
        """Ask a row. Raises Unreachable, and Refused where the org takes no more calls."""
        if float(self.target.known["version"]) < row.since:
            return Finding(row, "skipped", f"it came with version {row.since}")
        missing = [NEEDS[need] for need in row.needs if need not in self.target.has]
        if missing:
            return Finding(row, "skipped", f"the org is not known to have {'; '.join(missing)}")
        if row.mock and self.target.server is None:
            return Finding(row, "skipped", "a real org cannot be made to show it; the mock of `sfmock conform` can")
        if row.mock:
            return self._apart(row)
        try:
            return self._asked(row)
        finally:
            self._clean()

    def _apart(self, row: Row) -> Finding:
        """Ask a row that needs an org for itself."""
        assert self.target.server is not None
        made: dict[str, Any] = {}
        for one in row.mock:
            made |= one.get("org", {})
        own = own_mock(self.target.server, self.target.known["version"], **made)
        runner = Runner(own, self._mark)
        try:
            return runner._asked(row)
        finally:
            own.wire.close()
            self.target.secrets |= own.secrets
            self.target.server.control.delete_org(own.known["org"])

    def _asked(self, row: Row) -> Finding:
        self._number += 1
        known = {**self.target.known, "marker": f"{self._mark}x{self._number}"}
        self._seed(row)
        try:
            for name, (sobject, values) in row.given.items():
                known[name] = self._give(sobject, fill(dict(values), known))
            for step in row.before:
                self._save(step, self._settled(step, known), known)
        except Skipped as why:
            return Finding(row, "skipped", self.target.masked(str(why)))
        known = self._arrange(row, known)
        if "Set-Cookie" in row.headers:
            # A browser's first visit begins with a connection.
            self.target.wire.close()
        answer = self._send(row.ask, known)
        found = tuple(
            replace(one, expected=self.target.masked(one.expected), came=self.target.masked(one.came))
            for one in differences(row, answer, known)
        )
        request = self.target.masked(f"{row.ask.method} {_target(row.ask, known)}")
        if row.departs is not None and self.target.is_mock:
            if found:
                return Finding(row, "departs", row.departs, found, request)
            gone = Difference(
                "departure", "the mock to answer otherwise", f"as in an org; take `departs` from {row.place}"
            )
            return Finding(row, "drift", "", (gone,), request)
        return Finding(row, "drift" if found else "held", "", found, request)

    def _give(self, sobject: str, values: Mapping[str, Any]) -> str:
        answer = self.target.signed("POST", f"/sobjects/{sobject}", json.dumps(values).encode())
        self._note("POST", answer)
        if answer.status != 201:
            raise Skipped(f"this org does not make a plain {sobject}: {answer.status} {answer.text[:200]}")
        return str(answer.json["id"])

    def _seed(self, row: Row) -> None:
        """Put in the many records that a row asks a mock for."""
        for one in row.mock:
            for sobject, count in one.get("rows", {}).items():
                assert self.target.control is not None
                self.target.control.seed(sobject, [{"Name": f"sfmock row {number}"} for number in range(count)])

    def _arrange(self, row: Row, known: dict[str, str]) -> dict[str, str]:
        control = self.target.control
        for one in row.mock:
            assert control is not None
            for name, remaining in fill(one.get("limit", {}), known).items():
                control.set_limit(name, remaining=remaining)
            if "fault" in one:
                control.add_fault(fill(one["fault"], known))
            if "advance" in one:
                control.advance(float(one["advance"]))
            if one.get("expire"):
                control.expire_tokens()
            if one.get("renew"):
                # A session may have ended while time went by.
                known = {**known, "token": control.mint_token()}
                self.target.secrets.add(known["token"])
            if "user" in one:
                enter(self.target, control.create_user(fill(one["user"], known)), known["version"])
                known = {**known, **self.target.known}
        return known

    # -- requests

    def _send(self, step: Step, known: Mapping[str, str]) -> Answer:
        headers: dict[str, str] = {} if step.anonymous else {"Authorization": f"Bearer {known['token']}"}
        body: bytes | None = None
        if step.json is not NOTHING:
            body, headers["Content-Type"] = json.dumps(fill(step.json, known)).encode(), _JSON
        elif step.form is not None:
            body = urlencode(fill(dict(step.form), known)).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif step.text is not None:
            body = fill(step.text, known).encode()
        for name, value in step.headers.items():
            headers.pop(name, None)
            if value is not None:
                headers[name] = fill(str(value), known)
        if body is not None and headers.get("Content-Encoding") == "gzip":
            body = gzip.compress(body)
        answer = self.target.send(step.method, _target(step, known), headers, body)
        if answer.status == 403 and b"REQUEST_LIMIT_EXCEEDED" in answer.body and self.target.server is None:
            raise Refused(f"the org takes no more calls: {answer.text[:200]}")
        self._note(step.method, answer)
        return answer

    def _settled(self, step: Step, known: Mapping[str, str]) -> Answer:
        """Return what a step answers, as soon as that says what it waits for."""
        wait, waited = _SOON, 0.0
        while True:
            answer = self._send(step, known)
            try:
                if all(str(_reach(answer, path)) == value for path, value in step.until.items()):
                    return answer
            except (KeyError, IndexError, ValueError, TypeError):
                pass
            if waited > _PATIENCE:
                raise Skipped(f"{step.method} {step.path} did not come to {dict(step.until)}: {answer.text[:200]}")
            sleep(wait)
            waited, wait = waited + wait, min(2 * wait, _LATER)

    def _save(self, step: Step, answer: Answer, known: dict[str, str]) -> None:
        for name, path in step.save.items():
            try:
                value = answer.headers[path[7:].lower()] if path.startswith("header ") else _reach(answer, path)
            except (KeyError, IndexError, ValueError, TypeError):
                raise Skipped(
                    f"{step.method} {step.path} gave no {path}: {answer.status} {answer.text[:200]}"
                ) from None
            if value == self.target.known["token"]:
                raise Skipped("the org hands out the session of this run again, which is not to be ended")
            known[name] = str(value)

    # -- cleaning up

    def _note(self, method: str, answer: Answer) -> None:
        """Remember what an answer says was made."""
        if method not in ("POST", "PATCH", "PUT") or not 200 <= answer.status < 300:
            return
        try:
            value = answer.json
        except ValueError:
            return
        for identifier in _created(value, method == "POST"):
            self._made.setdefault(identifier)

    def _clean(self) -> None:
        """Delete what the row made, the newest first."""
        while self._made:
            identifiers = list(self._made)[::-1][:200]
            self.left += self._deleted(identifiers)
            for identifier in identifiers:
                del self._made[identifier]

    def _deleted(self, identifiers: Sequence[str]) -> list[str]:
        """Delete records; return the ids of those that are still there."""
        identifiers = list(dict.fromkeys(self._to_delete(one) for one in identifiers))
        answer = self.target.signed("DELETE", f"/composite/sobjects?ids={','.join(identifiers)}")
        if answer.status != 200:
            return list(identifiers)
        gone = ("ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY")
        return [
            identifier
            for identifier, item in zip(identifiers, answer.json, strict=True)
            if not item["success"] and item["errors"][0]["statusCode"] not in gone
        ]

    def _to_delete(self, identifier: str) -> str:
        """Return the id of what goes with a record: of a file's version its document."""
        if not identifier.startswith("068"):
            return identifier
        answer = self.target.signed("GET", f"/sobjects/ContentVersion/{identifier}?fields=ContentDocumentId")
        return str(answer.json["ContentDocumentId"]) if answer.status == 200 else identifier

    def sweep(self) -> None:
        """Look for records that carry the mark of this run (the answer to their making was lost), and delete them."""
        self._clean()
        for sobject, field in SWEPT.items():
            where = quote(f"SELECT Id FROM {sobject} WHERE {field} LIKE '%{self._mark}%' LIMIT 200")  # noqa: S608
            answer = self.target.signed("GET", f"/query?q={where}")
            if answer.status != 200:
                continue
            found = [row["Id"] for row in answer.json["records"]]
            if found:
                self.left += self._deleted(found)


def _created(value: Any, made: bool) -> Iterator[str]:
    """Yield the ids of an answer's records that are new."""
    if isinstance(value, dict):
        identifier = value.get("id")
        if isinstance(identifier, str) and re.fullmatch(r"[A-Za-z0-9]{18}", identifier):
            new = value.get("created", made)
            if new is True and (value.get("success") is True or "referenceId" in value):
                yield identifier
        for inner in value.values():
            yield from _created(inner, made)
    elif isinstance(value, list):
        for inner in value:
            yield from _created(inner, made)


def _target(step: Step, known: Mapping[str, str]) -> str:
    path: str = fill(step.path, known)
    path = quote(path, safe="/?&=%:@!$'()*+,;~#[]")
    return f"{path}?{urlencode(fill(dict(step.params), known))}" if step.params else path


def _reach(answer: Answer, path: str) -> Any:
    value = answer.json
    for step in path.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def differences(row: Row, answer: Answer, known: Mapping[str, str]) -> Iterator[Difference]:
    """Yield how an answer differs from what a row expects."""
    if answer.status != row.status:
        yield Difference("status", str(row.status), f"{answer.status} {shown(answer.body)}")
    for name, expected in row.headers.items():
        came = answer.headers.get(name.lower())
        if expected is None:
            if came is not None:
                yield Difference(f"header {name}", "none", came)
        elif came is None:
            yield Difference(f"header {name}", str(expected), "none")
        elif not any(expression(str(expected), known).fullmatch(line) for line in came.split("\n")):
            yield Difference(f"header {name}", str(expected), came)
    if row.answer is not NOTHING:
        try:
            value = answer.json
        except ValueError:
            yield Difference("answer", "JSON", shown(answer.body))
        else:
            yield from compare(row.answer, value, known)
    if row.answer_text is not None and not expression(row.answer_text, known).fullmatch(answer.text):
        yield Difference("answer", shown(fill_known(row.answer_text, known)), shown(answer.body))
    if row.elements is not None:
        yield from _elements(row.elements.split(), answer)


def fill_known(text: str, known: Mapping[str, str]) -> str:
    """Put the variables into a text, and leave its kinds."""
    return re.sub(r"\$\((\w+)\)", lambda found: known.get(found[1], found[0]), text)


def _elements(expected: list[str], answer: Answer) -> Iterator[Difference]:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(answer.body)
    except (ParseError, DefusedXmlException) as error:
        yield Difference("answer", "XML", f"{error}: {shown(answer.body)}")
        return
    came = [element.tag.rpartition("}")[2] for element in root.iter()]
    # An element with `?` is one that some orgs leave out.
    wanted = [name.rstrip("?") for name in expected if not name.endswith("?") or name.rstrip("?") in came]
    if came != wanted:
        yield Difference("elements", " ".join(wanted), " ".join(came))
