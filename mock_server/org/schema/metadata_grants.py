"""Profiles and permission sets of the Metadata API, in the form of `identity.given`.

Source: Metadata API Developer Guide, "Profile" and "PermissionSet". What is not listed is not granted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from mock_server.org.schema.metadata_apps import rules_of
from mock_server.org.schema.namespaces import Namespace
from mock_server.org.schema.xml_tree import Element

_RIGHTS = {
    "allowRead": "read",
    "allowCreate": "create",
    "allowEdit": "edit",
    "allowDelete": "delete",
    "viewAllRecords": "viewAll",
    "modifyAllRecords": "modifyAll",
}
_NOT_KEPT = frozenset(
    [
        "agentAccesses", "applicationVisibilities", "categoryGroupVisibilities", "classAccesses", "custom",
        "customSettingAccesses", "dataspaceScopes", "description", "emailRoutingAddressAccesses",
        "externalCredentialPrincipalAccesses", "externalDataSourceAccesses", "flowAccesses", "fullName",
        "hasActivationRequired", "layoutAssignments", "license", "loginFlows", "loginHours", "loginIpRanges",
        "pageAccesses", "profileActionOverrides", "recordTypeVisibilities", "servicePresenceStatusAccesses",
        "tabSettings", "tabVisibilities", "userLicense",
    ]
)  # fmt: skip
"""Elements that say nothing of access to data here."""


def name_of(file_name: str) -> str:
    """Return the name of a profile or permission set; file names of profiles are escaped as in a URL."""
    return unquote(file_name)


def grant_of(
    element: Element, names: Namespace
) -> tuple[dict[str, Any], dict[tuple[str | int, ...], int], list[tuple[int, str]]]:
    """Return a definition, the lines of its parts, and the line and text of each warning about what is left out."""
    lines: dict[tuple[str | int, ...], int] = {(): element.line}
    objects: dict[str, list[str]] = {}
    fields: dict[str, dict[str, str]] = {}
    warnings: list[tuple[int, str]] = []
    for child in element.all("objectPermissions"):
        name = child.get("object")
        if name is None:
            warnings.append((child.line, "objectPermissions without an <object> grant nothing"))
            continue
        rights = [right for tag, right in _RIGHTS.items() if child.is_true(tag)]
        if rights and "read" not in rights:
            warnings.append((child.line, f"{name} is opened without allowRead: nothing can be done without reading"))
            rights = []
        objects[names.sobject(name)] = rights
        lines["objects", names.sobject(name)] = child.line
    for child in (*element.all("fieldPermissions"), *element.all("fieldLevelSecurities")):
        path = child.get("field")
        name, dot, one = (path or "").partition(".")
        if not dot:
            warnings.append((child.line, "fieldPermissions name a field as OBJECT.FIELD; these grant nothing"))
            continue
        word = "edit" if child.is_true("editable") else "read" if child.is_true("readable") else "none"
        fields.setdefault(names.sobject(name), {})[names.sobject(one)] = word
        lines.setdefault(("fields", names.sobject(name)), child.line)
        lines["fields", names.sobject(name), names.sobject(one)] = child.line
    for child in element.all("customMetadataTypeAccesses"):
        name = child.get("name")
        if name is not None and child.is_true("enabled"):
            objects[names.sobject(name)] = ["read"]
            lines["objects", names.sobject(name)] = child.line
    system: list[str] = []
    for child in element.all("userPermissions"):
        if child.is_true("enabled") and (name := child.get("name")):
            lines["system", len(system)] = child.line
            system.append(name)
    custom = [
        name for child in element.all("customPermissions") if child.is_true("enabled") and (name := child.get("name"))
    ]
    warnings += _unknown(element)
    # Exactly what is listed: no field of an object is open that no element names.
    words = {name: {"*": "none", **fields.get(name, {})} for name in {**objects, **fields}}
    out: dict[str, Any] = {"objects": objects, "fields": words, "system": system, "lenient": True}
    if custom:
        out["customPermissions"] = custom
    if element.tag == "Profile":
        out |= rules_of(element)
    label = element.get("label")
    if label is not None:
        out["label"] = label
    return out, lines, warnings


def _unknown(element: Element) -> Iterator[tuple[int, str]]:
    known = {
        "objectPermissions", "fieldPermissions", "fieldLevelSecurities", "customMetadataTypeAccesses",
        "userPermissions", "customPermissions", "label",
    }  # fmt: skip
    for child in element.children:
        if child.tag not in known and child.tag not in _NOT_KEPT:
            yield child.line, f"{element.tag} has no element <{child.tag[:80]}>; it is left out"
