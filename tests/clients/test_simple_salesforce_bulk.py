"""simple-salesforce 1.12.10 unmodified, over both Bulk APIs: jobs with failed rows, queries in pages, its exceptions."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.bulk2 import ColumnDelimiter, LineEnding
from simple_salesforce.exceptions import (
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceOperationError,
)

from mock_server import api
from mock_server.control.client import OrgInfo

QUICK = 0.01
"""Seconds between two polls."""


@pytest.fixture
def sf(server: api.Server, org: OrgInfo, monkeypatch: pytest.MonkeyPatch) -> Iterator[Salesforce]:
    # The client waits for whole seconds between two polls.
    monkeypatch.setattr("simple_salesforce.bulk.sleep", lambda seconds: None)
    with requests.Session() as http:
        http.verify = str(server.ca_bundle)
        http.trust_env = False
        yield Salesforce(instance_url=server.https_url, session_id=org.access_token, session=http, version="60.0")


def people(count: int, *, bad: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    return [
        {
            "External_Id__c": f"B{number}",
            "LastName": "" if number in bad else f"Person {number}",
            "Description": f'He said "{number}",\nthen left',
        }
        for number in range(count)
    ]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


# -- Bulk API 2.0


def test_an_insert_tells_rows_that_failed_and_their_text(sf: Salesforce) -> None:
    (done,) = sf.bulk2.Contact.insert(records=people(50, bad=(7, 31)), wait=QUICK)
    assert (done["numberRecordsProcessed"], done["numberRecordsFailed"], done["numberRecordsTotal"]) == (50, 2, 50)
    failed = rows(sf.bulk2.Contact.get_failed_records(done["job_id"]))
    assert [row["External_Id__c"] for row in failed] == ["B7", "B31"]
    assert {row["sf__Error"] for row in failed} == {
        "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"
    }
    good = rows(sf.bulk2.Contact.get_successful_records(done["job_id"]))
    assert {row["sf__Created"] for row in good} == {"true"}
    assert rows(sf.bulk2.Contact.get_unprocessed_records(done["job_id"])) == []
    kept = sf.query("SELECT Description FROM Contact WHERE External_Id__c = 'B3'")["records"]
    assert [record["Description"] for record in kept] == ['He said "3",\nthen left']


def test_upsert_update_and_delete(sf: Salesforce) -> None:
    contacts = sf.bulk2.Contact
    (first,) = contacts.upsert(records=people(20), external_id_field="External_Id__c", wait=QUICK)
    (again,) = contacts.upsert(records=people(25), external_id_field="External_Id__c", wait=QUICK)
    assert (first["numberRecordsProcessed"], again["numberRecordsFailed"]) == (20, 0)
    told = rows(contacts.get_successful_records(again["job_id"]))
    assert [row["sf__Created"] for row in told].count("true") == 5
    ids = {row["sf__Id"] for row in told}
    (changed,) = contacts.update(records=[{"Id": one, "Title": "Doctor"} for one in ids], wait=QUICK)
    assert changed["numberRecordsFailed"] == 0
    assert sf.query("SELECT count() FROM Contact WHERE Title = 'Doctor'")["totalSize"] == 25
    (gone,) = contacts.delete(records=[{"Id": one} for one in ids], wait=QUICK)
    assert gone["numberRecordsProcessed"] == 25
    assert sf.query("SELECT count() FROM Contact")["totalSize"] == 0
    (past,) = contacts.delete(records=[{"Id": one} for one in ids], wait=QUICK)
    assert past["numberRecordsFailed"] == 25


def test_a_file_goes_in_several_jobs_at_once(sf: Salesforce, tmp_path: Path) -> None:
    file = tmp_path / "contacts.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(
            out, ["External_Id__c", "LastName", "Description"], delimiter="|", lineterminator="\r\n"
        )
        writer.writeheader()
        writer.writerows({**one, "Description": "plain"} for one in people(100))
    done = sf.bulk2.Contact.insert(
        str(file), batch_size=30, column_delimiter=ColumnDelimiter.PIPE, line_ending=LineEnding.CRLF, concurrency=4,
        wait=QUICK,
    )  # fmt: skip
    assert sorted(one["numberRecordsProcessed"] for one in done) == [10, 30, 30, 30]
    assert sf.query("SELECT count() FROM Contact")["totalSize"] == 100


def test_a_job_of_an_unknown_column_fails_and_raises(sf: Salesforce) -> None:
    with pytest.raises(SalesforceOperationError, match="InvalidBatch : Field name not found : Shoe_Size__c"):
        sf.bulk2.Contact.insert(records=[{"LastName": "Lovelace", "Shoe_Size__c": "39"}], wait=QUICK)


def test_a_query_comes_in_pages(sf: Salesforce, tmp_path: Path) -> None:
    sf.bulk2.Contact.insert(records=people(120), wait=QUICK)
    pages = list(
        sf.bulk2.Contact.query(
            "SELECT External_Id__c, Description FROM Contact ORDER BY External_Id__c", max_records=50, wait=QUICK
        )
    )
    read = [row for page in pages for row in rows(page)]
    assert [len(rows(page)) for page in pages] == [50, 50, 20]
    assert sorted(row["External_Id__c"] for row in read) == sorted(one["External_Id__c"] for one in people(120))
    assert read[0]["Description"] == 'He said "0",\nthen left'
    files = sf.bulk2.Contact.download("SELECT Id FROM Contact", str(tmp_path), max_records=100, wait=QUICK)
    assert [one["number_of_records"] for one in files] == [100, 20]
    assert Path(files[0]["file"]).read_text().splitlines()[0] == '"Id"'


def test_query_all_sees_deleted_records(sf: Salesforce) -> None:
    (done,) = sf.bulk2.Contact.insert(records=people(3), wait=QUICK)
    told = rows(sf.bulk2.Contact.get_successful_records(done["job_id"]))
    sf.bulk2.Contact.delete(records=[{"Id": told[0]["sf__Id"]}], wait=QUICK)
    (seen,) = sf.bulk2.Contact.query("SELECT Id FROM Contact", wait=QUICK)
    (all_,) = sf.bulk2.Contact.query_all("SELECT Id, IsDeleted FROM Contact", wait=QUICK)
    assert (len(rows(seen)), len(rows(all_))) == (2, 3)


def test_a_query_that_bulk_does_not_take_is_refused(sf: Salesforce) -> None:
    with pytest.raises(SalesforceMalformedRequest, match="compound data not supported in Bulk Query"):
        list(sf.bulk2.Contact.query("SELECT Id, MailingAddress FROM Contact", wait=QUICK))


# -- Bulk API 1.0


def test_classic_jobs_tell_each_row(sf: Salesforce) -> None:
    told = sf.bulk.Contact.insert(people(30, bad=(4,)), batch_size=12)
    assert [row["success"] for row in told].count(False) == 1
    (error,) = told[4]["errors"]
    assert (error["statusCode"], error["fields"]) == ("REQUIRED_FIELD_MISSING", ["LastName"])
    again = sf.bulk.Contact.upsert(people(32), "External_Id__c", batch_size="auto")
    assert [row["created"] for row in again].count(True) == 3
    ids = [row["id"] for row in again]
    assert all(row["success"] for row in sf.bulk.Contact.update([{"Id": one, "Title": "Dr"} for one in ids]))
    assert all(row["success"] for row in sf.bulk.Contact.delete([{"Id": one} for one in ids], use_serial=True))


def test_classic_queries_give_records(sf: Salesforce) -> None:
    sf.bulk.Contact.insert(people(10))
    (found,) = sf.bulk.Contact.query("SELECT Id, LastName, CreatedDate FROM Contact", lazy_operation=True)
    assert len(found) == 10
    assert found[0]["attributes"]["type"] == "Contact"
    # Recorded: moments are milliseconds here.
    assert isinstance(found[0]["CreatedDate"], int)
    assert len(sf.bulk.Contact.query_all("SELECT Id FROM Contact")) == 10


def test_a_classic_query_of_another_object_raises(sf: Salesforce) -> None:
    with pytest.raises(SalesforceGeneralError, match="does not match the entity of the requested Bulk API Job"):
        sf.bulk.Account.query("SELECT Id FROM Contact")


def test_detailed_results_bring_the_request_back(sf: Salesforce) -> None:
    told = sf.bulk.Contact.insert(people(3, bad=(1,)), include_detailed_results=True)
    assert [(row["success"], row["External_Id__c"]) for row in told] == [(True, "B0"), (False, "B1"), (True, "B2")]
