"""A `CustomField` of metadata as an inline definition (Metadata API Developer Guide, "CustomField")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mock_server.org.schema.errors import Path, Place, SchemaErrors, close
from mock_server.org.schema.inline import KINDS
from mock_server.org.schema.namespaces import Namespace
from mock_server.org.schema.xml_tree import Element

_TYPES: dict[str, str] = {
    name: name.lower()
    for name in (
        "Text", "TextArea", "LongTextArea", "Html", "EncryptedText", "Number", "Currency", "Percent", "Checkbox",
        "Date", "DateTime", "Time", "Email", "Phone", "Url", "Picklist", "MultiselectPicklist", "Lookup",
        "MasterDetail", "Hierarchy", "MetadataRelationship", "AutoNumber", "Location",
    )
} | {"Summary": "rollup", "ExternalLookup": "lookup", "IndirectLookup": "lookup"}  # fmt: skip
_NUMBERS = {
    "length": "length",
    "precision": "precision",
    "scale": "scale",
    "visibleLines": "lines",
    "startingNumber": "startingNumber",
}
_FLAGS = {
    "required": "required",
    "unique": "unique",
    "externalId": "externalId",
    "caseSensitive": "caseSensitive",
    "displayLocationInDecimal": "decimal",
    "reparentableMasterDetail": "reparentable",
    "writeRequiresMasterRead": "masterRead",
}
_TEXTS = {
    "label": "label",
    "inlineHelpText": "help",
    "relationshipLabel": "relationshipLabel",
    "deleteConstraint": "onDelete",
    "maskChar": "mask",
    "maskType": "maskType",
    "displayFormat": "format",
    "summaryOperation": "operation",
}
_ALWAYS = frozenset({"label", "help", "required"})
"""Keys that every type takes; of the others each type takes its own, and metadata says `false` to all."""


class Reader:
    """Reads one field. `lines` has the line of each key of the definition that it makes."""

    def __init__(self, element: Element, file: str, namespace: Namespace) -> None:
        self._element = element
        self._file = file
        self._names = namespace
        self.lines: dict[Path, int] = {(): element.line}
        self.notes: list[tuple[int, str]] = []
        self._out: dict[str, Any] = {}

    def read(self, *, custom: bool) -> dict[str, Any]:
        """Return the definition. Raises SchemaErrors for what cannot be one."""
        kind = self._kind(custom)
        allowed = {*KINDS[kind].keys, *_ALWAYS} if kind and custom else {"label", "help"}
        if kind and custom:
            self._put("type", kind, "type")
        for tag, key in _TEXTS.items():
            value = self._element.get(tag)
            if value is not None and key in allowed:
                self._put(key, value, tag)
        for tag, key in _NUMBERS.items():
            # A formula that gives text has no length of its own.
            if self._element.get(tag) is not None and key in allowed and custom:
                self._put(key, self._whole(tag), tag)
        for tag, key in _FLAGS.items():
            if key in allowed and self._element.is_true(tag):
                self._put(key, True, tag)
        if custom:
            self._default(kind)
        if kind in ("picklist", "multiselectpicklist"):
            self._picklist()
        if not custom:
            self._out["standard"] = True
            return self._out
        formula = self._element.get("formula")
        if formula is not None:
            self._formula(formula, allowed)
        if "referenceTo" in allowed:
            self._link()
        if kind == "rollup":
            self._roll_up()
        return self._out

    def _put(self, key: str, value: Any, tag: str) -> None:
        self._out[key] = value
        found = self._element.first(tag)
        self.lines[key,] = found.line if found is not None else self._element.line

    def _wrong(self, element: Element, message: str, allowed: tuple[str, ...] = ()) -> SchemaErrors:
        near = close(element.text, allowed) if allowed else None
        return SchemaErrors.at(Place(self._file, element.line), message, allowed, near)

    def _kind(self, custom: bool) -> str | None:
        given = self._element.first("type")
        if given is None or not given.text:
            if custom:
                raise SchemaErrors.at(Place(self._file, self._element.line), "a custom field needs a <type>", _TYPES)
            return None
        kind = _TYPES.get(given.text)
        if kind is None and custom:
            raise self._wrong(given, f"there is no field type {given.text[:80]!r}", tuple(_TYPES))
        return kind

    def _whole(self, tag: str) -> int:
        found = self._element.first(tag)
        assert found is not None
        if not (found.text.isascii() and found.text.isdigit() and len(found.text) < 10):
            raise self._wrong(found, f"<{tag}> must be a whole number, not {found.text[:80]!r}")
        return int(found.text)

    def _default(self, kind: str | None) -> None:
        value = self._element.get("defaultValue")
        if value is None:
            return
        if kind == "checkbox":
            if value.lower() not in ("true", "false"):
                element = self._element.first("defaultValue")
                assert element is not None
                raise self._wrong(
                    element, f"the default of a checkbox is true or false, not {value[:80]!r}", ("true", "false")
                )
            self._put("default", value.lower() == "true", "defaultValue")
        elif kind is not None and self._element.get("formula") is None:
            self._put("defaultFormula", self._names.formula(value), "defaultValue")

    def _formula(self, formula: str, allowed: set[str]) -> None:
        if "formula" not in allowed:
            element = self._element.first("formula")
            assert element is not None
            raise self._wrong(element, "a field of this type cannot have a formula")
        for key in ("required", "unique", "externalId", "caseSensitive", "length", "defaultFormula", "default"):
            self._out.pop(key, None)
        self._put("formula", self._names.formula(formula), "formula")
        if self._element.get("formulaTreatBlanksAs") == "BlankAsZero" and "blankAsZero" in allowed:
            self._put("blankAsZero", True, "formulaTreatBlanksAs")

    # -- picklists

    def _picklist(self) -> None:
        found = self._element.first("valueSet")
        if found is None:
            old = self._element.first("picklist")
            if old is not None:
                self._old_picklist(old)
            return
        if found.is_true("restricted"):
            self._put("restricted", True, "valueSet")
        controller = found.get("controllingField")
        if controller is not None:
            self._put("controller", self._names.field(controller), "valueSet")
            element = found.first("controllingField")
            self.lines["controller",] = element.line if element else found.line
        limits: dict[str, list[str]] = {}
        for setting in found.all("valueSettings"):
            name = setting.get("valueName")
            if name is not None:
                limits.setdefault(name, []).extend(one.text for one in setting.all("controllingFieldValue"))
        shared = found.get("valueSetName")
        if shared is not None:
            self._put("valueSet", self._names.plain(shared), "valueSet")
            if limits:
                self._put("values", [{"value": name, "validFor": list_} for name, list_ in limits.items()], "valueSet")
            return
        definition = found.first("valueSetDefinition")
        if definition is None:
            return
        if definition.is_true("sorted"):
            self._put("sorted", True, "valueSet")
        values = [value_of(one, limits) for one in definition.all("value")]
        self._put("values", [one for one in values if one is not None], "valueSet")

    def _old_picklist(self, found: Element) -> None:
        """Read the form of API versions before 38.0."""
        limits: dict[str, list[str]] = {}
        for one in found.all("picklistValues"):
            name = one.get("fullName")
            if name is not None:
                limits[name] = [inner.text for inner in one.all("controllingFieldValues")]
        controller = found.get("controllingField")
        if controller is not None:
            self._put("controller", self._names.field(controller), "picklist")
        if found.is_true("restrictedPicklist"):
            self._put("restricted", True, "picklist")
        if found.is_true("sorted"):
            self._put("sorted", True, "picklist")
        values = [value_of(one, limits) for one in found.all("picklistValues")]
        self._put("values", [one for one in values if one is not None], "picklist")

    # -- links and roll-ups

    def _link(self) -> None:
        targets = [self._names.sobject(one.text) for one in self._element.all("referenceTo") if one.text]
        if targets:
            self._put("referenceTo", targets[0] if len(targets) == 1 else targets, "referenceTo")
        name = self._element.get("relationshipName")
        if name is not None:
            self._put("relationshipName", self._names.bare(name), "relationshipName")
        order = self._element.get("relationshipOrder")
        if order is not None and "order" in KINDS[self._out["type"]].keys:
            self._put("order", self._whole("relationshipOrder"), "relationshipOrder")
        limit = self._element.first("lookupFilter")
        if limit is None or not limit.is_true("active") or limit.is_true("isOptional"):
            return
        compares = any(
            one.get("valueField") or (one.get("field") or "").startswith("$") for one in limit.all("filterItems")
        )
        if limit.get("booleanFilter") is not None or compares:
            self.notes.append((limit.line, "this lookup filter compares fields or joins by OR: it is not enforced"))
            return
        self._put("filter", list(self._filters(limit.all("filterItems"))), "lookupFilter")
        message = limit.get("errorMessage")
        if message:
            self._put("filterMessage", message, "lookupFilter")

    def _roll_up(self) -> None:
        key = self._element.first("summaryForeignKey")
        child, _, reference = key.text.partition(".") if key is not None else ("", "", "")
        if not child or not reference:
            raise SchemaErrors.at(
                Place(self._file, key.line if key is not None else self._element.line),
                "a summary field needs <summaryForeignKey>CHILD.MASTER_DETAIL_FIELD</summaryForeignKey>",
            )
        self._put("child", self._names.sobject(child), "summaryForeignKey")
        self._put("reference", self._names.field(reference), "summaryForeignKey")
        summed = self._element.get("summarizedField")
        if summed is not None:
            self._put("field", self._names.field(summed.rpartition(".")[2]), "summarizedField")
        items = list(self._filters(self._element.all("summaryFilterItems")))
        if items:
            self._put("filters", items, "summaryFilterItems")

    def _filters(self, items: Iterator[Element]) -> Iterator[dict[str, Any]]:
        for item in items:
            path = (item.get("field") or "").split(".")
            # `Bike__c.In_Service__c` names the object first; a longer way goes over parents.
            field = ".".join(self._names.field(one) for one in (path[1:] or path))
            yield {
                "field": field,
                "operator": item.get("operation") or "equals",
                "value": item.get("value") or "",
            }


def value_of(element: Element, limits: dict[str, list[str]] | None = None) -> dict[str, Any] | str | None:
    """Return one value of a set as an inline definition; None where it has no name."""
    name = element.get("fullName")
    if name is None:
        return None
    out: dict[str, Any] = {"value": name}
    label = element.get("label")
    if label is not None and label != name:
        out["label"] = label
    if element.get("isActive") is not None and not element.is_true("isActive"):
        out["active"] = False
    if element.is_true("default"):
        out["default"] = True
    if limits and limits.get(name):
        out["validFor"] = limits[name]
    return out if len(out) > 1 else name
