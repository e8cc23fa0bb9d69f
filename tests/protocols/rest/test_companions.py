"""What the platform makes along with a record, as a client meets it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.conftest import Rest


def rows(rest: Rest, soql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rest.get("/services/data/v60.0/query", params={"q": soql}).json()["records"]
    return [{key: value for key, value in one.items() if key != "attributes"} for one in found]


def made(rest: Rest, sobject: str, **values: Any) -> str:
    answer = rest.post(f"/services/data/v60.0/sobjects/{sobject}", json=values)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_campaign_begins_with_two_statuses(rest: Rest) -> None:
    campaign = made(rest, "Campaign", Name="Spring")
    found = rows(
        rest, f"SELECT Label, IsDefault, HasResponded FROM CampaignMemberStatus WHERE CampaignId = '{campaign}'"
    )
    assert sorted((one["Label"], one["IsDefault"], one["HasResponded"]) for one in found) == [
        ("Responded", False, True),
        ("Sent", True, False),
    ]


def test_a_version_has_a_document_and_is_its_latest(rest: Rest) -> None:
    account = made(rest, "Account", Name="A")
    file = {"PathOnClient": "notes.txt", "VersionData": b64encode(b"hello").decode()}
    first = made(rest, "ContentVersion", **file, FirstPublishLocationId=account)
    (version,) = rows(rest, "SELECT ContentDocumentId, Title, IsLatest, VersionNumber, ContentSize FROM ContentVersion")
    document = version.pop("ContentDocumentId")
    assert version == {"Title": "notes", "IsLatest": True, "VersionNumber": "1", "ContentSize": 5}
    asked = f"SELECT LinkedEntityId, ShareType FROM ContentDocumentLink WHERE ContentDocumentId = '{document}'"
    assert {"LinkedEntityId": account, "ShareType": "V"} in rows(rest, asked)
    second = made(rest, "ContentVersion", **file, Title="Newer", ContentDocumentId=document)
    latest = rows(rest, "SELECT Id, VersionNumber FROM ContentVersion WHERE IsLatest = true")
    assert latest == [{"Id": second, "VersionNumber": "2"}] and first != second
    asked = "SELECT Title, LatestPublishedVersionId, FileExtension FROM ContentDocument"
    assert rows(rest, asked) == [{"Title": "Newer", "LatestPublishedVersionId": second, "FileExtension": "txt"}]
