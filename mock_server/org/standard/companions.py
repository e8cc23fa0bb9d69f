"""Records that the platform makes along with others: the statuses of a campaign, the document of a file's version.

Sources: Object Reference, CampaignMemberStatus, ContentVersion, ContentDocument and ContentDocumentLink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any

from mock_server.org.records.changes import Change
from mock_server.org.records.plans import plan_of
from mock_server.org.records.rows import Row
from mock_server.org.standard.context import Context

Take = Callable[[str, int], list[str]]
"""Gives new ids: so many of a key prefix."""
_STATUSES = (("Sent", 1, 0), ("Responded", 0, 1))
"""Label, whether it is the default, whether it counts as a response."""


def _row(context: Context, name: str, values: dict[str, Any], take: Take, identifier: str | None = None) -> Row:
    """Return a row that is ready to be written: a new record, or a change of the one that `identifier` names."""
    sobject = context.schema.get(name)
    assert sobject is not None
    context.store.ready(sobject)
    row = Row(Change("update" if identifier else "create", name), sobject, plan_of(sobject))
    row.verb = row.change.verb
    row.id = identifier or take(sobject.key_prefix or "000", 1)[0]
    row.values = values if identifier else {**row.plan.defaults, **values}
    return row


def _campaign(context: Context, rows: Sequence[Row], take: Take) -> list[Row]:
    return [
        _row(
            context,
            "CampaignMemberStatus",
            {"CampaignId": row.id, "Label": label, "SortOrder": place, "IsDefault": first, "HasResponded": responded},
            take,
        )
        for row in rows
        for place, (label, first, responded) in enumerate(_STATUSES, 1)
    ]


def _version(context: Context, rows: Sequence[Row], take: Take) -> list[Row]:
    """Give each version its document: a new one, or the one it names, of which it is then the latest version."""
    out: list[Row] = []
    known = _versions(context, rows)
    for row in rows:
        values = row.values
        path = PurePosixPath(str(values.get("PathOnClient") or "").replace("\\", "/"))
        kind = path.suffix.removeprefix(".")
        if not values.get("Title"):
            values["Title"] = path.stem or "Untitled"
        values |= {
            "FileExtension": kind or None,
            "FileType": {"txt": "TEXT", "": "UNKNOWN"}.get(kind.lower(), kind.upper()),
            "ContentSize": len(values.get("VersionData") or b""),
            "IsLatest": 1,
        }
        shown = {name: values[name] for name in ("Title", "FileExtension", "FileType", "ContentSize")}
        document, fresh = values.get("ContentDocumentId"), "ContentDocumentId" not in row.change.values
        if document and not fresh:
            older = known.setdefault(document, [])
            out += [_row(context, "ContentVersion", {"IsLatest": 0}, take, one) for one in older]
            values["VersionNumber"] = str(len(older) + 1)
            older.append(str(row.id))
            out.append(_row(context, "ContentDocument", {**shown, "LatestPublishedVersionId": row.id}, take, document))
            continue
        made = _row(
            context,
            "ContentDocument",
            {**shown, "OwnerId": values.get("OwnerId"), "LatestPublishedVersionId": row.id, "PublishStatus": "R"},
            take,
        )
        values |= {"ContentDocumentId": made.id, "VersionNumber": "1"}
        shares = [(values.get("OwnerId"), "I"), (values.get("FirstPublishLocationId"), "V")]
        out.append(made)
        for whom, share in dict(reversed(shares)).items():
            if whom:
                link = {"ContentDocumentId": made.id, "LinkedEntityId": whom}
                out.append(
                    _row(context, "ContentDocumentLink", {**link, "ShareType": share, "Visibility": "AllUsers"}, take)
                )
    return out


def _versions(context: Context, rows: Sequence[Row]) -> dict[str, list[str]]:
    """Return the ids of the versions there are of the documents that rows name."""
    named = list({row.change.values.get("ContentDocumentId") and row.values["ContentDocumentId"] for row in rows})
    out: dict[str, list[str]] = {}
    found = context.store.lookup(
        rows[0].sobject, "ContentDocumentId", [one for one in named if one], "ContentDocumentId", "Id", "IsDeleted"
    )
    for document, identifier, deleted in found:
        if not deleted:
            out.setdefault(document, []).append(identifier)
    return out


MAKERS: dict[str, Callable[[Context, Sequence[Row], Take], list[Row]]] = {
    "Campaign": _campaign, "ContentVersion": _version,
}  # fmt: skip
"""By object: completes new rows, and returns what is written along with them."""
