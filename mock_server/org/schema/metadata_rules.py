"""Files of workflow rules and of assignment rules, read into definitions of their object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mock_server.org.schema.definitions import Definitions
from mock_server.org.schema.errors import Place
from mock_server.org.schema.metadata_files import MetadataFile
from mock_server.org.schema.namespaces import Namespace
from mock_server.org.schema.xml_tree import Element

_WHEN = {"onCreateOnly": "create", "onAllChanges": "save", "onCreateOrTriggeringUpdate": "become"}
_NAMED = {"User": "user", "Queue": "queue", "RecordType": "recordType"}


class RecordRules:
    """Reads the rules of one file. What a rule would do beside setting fields is told, and left out."""

    def __init__(self, out: Definitions, names: Namespace, file: MetadataFile) -> None:
        self._out = out
        self._names = names
        self._file = file
        self._sobject = names.sobject(file.name)
        self._taken: dict[tuple[str, str], str] = {}

    def workflow(self, element: Element) -> str:
        self._root = element
        updates = {one.get("fullName"): one for one in element.all("fieldUpdates")}
        sent = set(self._messages(element))
        count = 0
        for rule in element.all("rules"):
            name = self._name(rule, "a workflow rule")
            if name is None:
                continue
            definition: dict[str, Any] = {
                **self._condition(rule),
                "on": _WHEN.get(rule.get("triggerType") or "", "become"),
                "active": rule.is_true("active"),
                "set": dict(self._updates(rule, updates)),
            }
            messages = [name for name in self._named(rule, "OutboundMessage") if name in sent]
            if messages:
                definition["send"] = messages
            if rule.get("description") is not None:
                definition["description"] = rule.get("description")
            if rule.first("workflowTimeTriggers") is not None:
                self._warn(rule, f"actions of rule {name} that wait for a time are left out")
            self._define("workflowRules", name, definition, rule)
            count += 1
        return f"{count} workflow rules of {self._sobject}" + (f", {len(sent)} outbound messages" if sent else "")

    def _messages(self, element: Element) -> Iterator[str]:
        """Define the outbound messages of the file; yield their names."""
        for one in element.all("outboundMessages"):
            name, endpoint = one.get("fullName"), one.get("endpointUrl")
            if name is None or endpoint is None:
                self._warn(one, "an outbound message needs a <fullName> and an <endpointUrl>: it is left out")
                continue
            definition: dict[str, Any] = {
                "name": name,
                "object": self._sobject,
                "endpoint": endpoint,
                "fields": [self._names.field(field.text) for field in one.all("fields") if field.text],
                "includeSessionId": one.is_true("includeSessionId"),
                "protected": one.is_true("protected"),
                "label": one.get("name") or name,
            }
            for tag, key in (("integrationUser", "integrationUser"), ("description", "description")):
                if (value := one.get(tag)) is not None:
                    definition[key] = value
            version = one.get("apiVersion")
            if version is not None:
                definition["apiVersion"] = version if "." in version else f"{version}.0"
            key = f"{self._sobject}.{name}"
            self._out.data["outboundMessages"][key] = definition
            self._out.places["outboundMessages", key] = Place(self._file.path, one.line)
            if "127.0.0.1" not in endpoint and "localhost" not in endpoint:
                self._warn(
                    one,
                    f"outbound message {name} is sent only where its host is one of callout_hosts, or a declaration of "
                    "that name in outboundMessages gives it another endpoint",
                )
            yield name

    @staticmethod
    def _named(rule: Element, kind: str) -> Iterator[str]:
        return (name for one in rule.all("actions") if one.get("type") == kind and (name := one.get("name")))

    def assignment(self, element: Element) -> str:
        count = 0
        for rule in element.all("assignmentRule"):
            name = self._name(rule, "an assignment rule")
            if name is None:
                continue
            entries = []
            for one in rule.all("ruleEntry"):
                entry: dict[str, Any] = self._condition(one)
                to, kind = one.get("assignedTo"), one.get("assignedToType") or "User"
                if to is not None and kind in ("User", "Queue"):
                    entry[_NAMED[kind]] = to
                elif to is not None:
                    self._warn(one, f"an entry of rule {name} assigns to a {kind[:40]}: owners stay")
                entries.append(entry)
            self._define("assignmentRules", name, {"active": rule.is_true("active"), "entries": entries}, rule)
            count += 1
        return f"{count} assignment rules of {self._sobject}"

    def _name(self, rule: Element, what: str) -> str | None:
        name = rule.get("fullName")
        if name is None:
            self._warn(rule, f"{what} without a <fullName> is left out")
        return name

    def _condition(self, rule: Element) -> dict[str, Any]:
        formula = rule.get("formula")
        if formula is not None:
            return {"condition": self._names.formula(formula)}
        criteria = [
            {
                "field": ".".join(self._names.field(part) for part in (one.get("field") or "").split(".")),
                "operator": one.get("operation") or "equals",
                "value": one.get("value") or "",
            }
            for one in rule.all("criteriaItems")
        ]
        out: dict[str, Any] = {"criteria": criteria} if criteria else {}
        joined = rule.get("booleanFilter")
        return {**out, "filter": joined} if joined is not None and criteria else out

    def _updates(self, rule: Element, updates: dict[str | None, Element]) -> Iterator[tuple[str, Any]]:
        for action in rule.all("actions"):
            kind, name = action.get("type"), action.get("name")
            found = updates.get(name)
            if kind == "OutboundMessage":
                if not any(one.get("fullName") == name for one in self._root.all("outboundMessages")):
                    self._warn(action, f"there is no outbound message {str(name)[:80]} in the file: it is left out")
            elif kind != "FieldUpdate":
                self._warn(
                    action, f"a rule sets fields and sends messages here, no more: {kind or 'an action'} is left out"
                )
            elif found is None:
                self._warn(action, f"there is no field update {str(name)[:80]} in the file: it is left out")
            elif found.get("targetObject") is not None:
                self._warn(found, f"field update {str(name)[:80]} is of another record: it is left out")
            else:
                field = found.get("field")
                value = self._value(found)
                if field is not None and value is not None:
                    yield self._names.field(field), {**value, "name": found.get("name") or name}

    def _value(self, update: Element) -> dict[str, Any] | None:
        how = update.get("operation") or "Literal"
        if how == "Null":
            return {}
        if how == "Formula":
            return {"formula": self._names.formula(update.get("formula") or '""')}
        if how == "Literal":
            return {"value": update.get("literalValue") or ""}
        kind = _NAMED.get(update.get("lookupValueType") or "User")
        if how == "LookupValue" and kind is not None and update.get("lookupValue") is not None:
            return {kind: update.get("lookupValue")}
        self._warn(update, f"a field update by {how[:40]} is left out")
        return None

    def _define(self, key: str, name: str, definition: dict[str, Any], element: Element) -> None:
        # Names of rules may hold any character; what users write in YAML are names of the API.
        plain = "".join(one if one.isalnum() and one.isascii() else "_" for one in name).strip("_")
        while "__" in plain:
            plain = plain.replace("__", "_")
        plain = (plain if plain[:1].isalpha() else f"Rule_{plain}".rstrip("_"))[:70]
        place = 1
        while self._taken.setdefault((key, plain.lower()), name) != name:
            place += 1
            plain = f"{plain.removesuffix(f'_{place - 1}')}_{place}"
        standard = {} if self._sobject.endswith("__c") else {"standard": True}
        self._out.object(self._sobject, {key: {plain: {**definition, "label": name, "lenient": True}}, **standard})
        self._out.places.setdefault(("objects", self._sobject), Place(self._file.path))
        self._out.places["objects", self._sobject, key, plain] = Place(self._file.path, element.line)

    def _warn(self, element: Element, text: str) -> None:
        self._out.note("warning", Place(self._file.path, element.line), text)
