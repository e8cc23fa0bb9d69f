"""Contents of ingest jobs: forms of CSV, what is said of one that cannot be read, and what becomes of its rows."""

from __future__ import annotations

import csv
import gzip
from io import StringIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server import api
from mock_server.org.jobs import reading
from mock_server.org.jobs.line_endings import LineEndings
from mock_server.org.jobs.results import ResultFiles
from tests.conftest import Rest
from tests.protocols.bulk2.desk import change, ended, load, new_job, result, rows, state, upload

MARKS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
ENDS = {"LF": "\n", "CRLF": "\r\n"}
QUOTED = "Failed to parse CSV. Found unescaped quote. A value with quote should be within a quote"


def names(rest: Rest, field: str = "LastName") -> list[Any]:
    return [one[field] for one in rest.query(f"SELECT {field} FROM Contact ORDER BY CreatedDate, Id").json()["records"]]


@pytest.mark.parametrize("ending", ENDS)
@pytest.mark.parametrize("delimiter", MARKS)
def test_every_delimiter_and_line_ending(rest: Rest, delimiter: str, ending: str) -> None:
    mark, end = MARKS[delimiter], ENDS[ending]
    tricky = f'a{mark}b "c"\nd'
    lines = [["LastName", "Description"], ["Lovelace", '"' + tricky.replace('"', '""') + '"'], ["", "x"]]
    job = load(rest, end.join(mark.join(line) for line in lines) + end, columnDelimiter=delimiter, lineEnding=ending)
    assert state(job) == ("JobComplete", 2, 1)
    assert names(rest, "Description") == [tricky]
    assert result(rest, job, "successfulResults").startswith(
        f'"sf__Id"{mark}"sf__Created"{mark}LastName{mark}Description{end}'
    )
    (good,) = rows(rest, job, "successfulResults", mark)
    assert (good["LastName"], good["Description"], good["sf__Created"]) == ("Lovelace", tricky, "true")
    failed = result(rest, job, "failedResults")
    error = "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"
    assert failed == (
        f'"sf__Id"{mark}"sf__Error"{mark}LastName{mark}Description{end}""{mark}"{error}"{mark}""{mark}"x"{end}'
    )
    assert result(rest, job, "unprocessedrecords") == f"LastName{mark}Description{end}"


@pytest.mark.parametrize(
    ("content", "ending"),
    [
        ("LastName\r\nLovelace\r\n", "LF"),
        ("LastName\nLovelace\n", "CRLF"),
        ("LastName\nLovelace\r\nByron\n", "LF"),
        ("LastName\r\nLovelace\nByron\r\n", "CRLF"),
        ("LastName\rLovelace\r", "LF"),
        ("LastName\r\nLovelace\r", "CRLF"),
        ('LastName\n"Love\nlace"\r\nByron\n', "LF"),
        ("LastName\n" + "x\n" * 300_000 + "y\r\n", "LF"),
    ],
)
def test_lines_that_end_otherwise_fail_the_job_before_anything_is_saved(rest: Rest, content: str, ending: str) -> None:
    job = load(rest, content, lineEnding=ending)
    assert state(job) == ("Failed", 0, 0)
    assert list(job)[-1] == "errorMessage"
    assert job["errorMessage"] == (
        f"ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {ending}"
    )
    assert names(rest) == []
    assert rows(rest, job, "successfulResults") == rows(rest, job, "failedResults") == []
    assert result(rest, job, "unprocessedrecords") != ""


def test_within_quotes_a_line_may_end_as_it_likes(rest: Rest) -> None:
    content = 'LastName,Description\nA,"one\r\ntwo"\nB,"one\rtwo"\nC,"one\ntwo"\n'
    assert state(load(rest, content)) == ("JobComplete", 3, 0)
    assert names(rest, "Description") == ["one\ntwo"] * 3
    job = load(rest, content.replace("LastName", "Title"))
    assert [row["Description"] for row in rows(rest, job, "failedResults")] == ["one\r\ntwo", "one\rtwo", "one\ntwo"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("LastName\nA\nB", ["A", "B"]),  # no end of the last line
        ("\n\nLastName\n\nA\n\n\nB\n\n", ["A", "B"]),  # blank lines
        ("LastName,Email\nA,\nB,b@x.org\n", ["A", "B"]),
        ('"LastName"\n"A"\n"B"\n', ["A", "B"]),
        ("LastName\n A \n", ["A"]),
        ("LastName,Description\nA,\" x \"\nB, y\n", ["A", "B"]),
        ("lastname\nA\n", ["A"]),
        ("LastName\n", []),
        ("LastName", []),
        ("", []),
        ("\n\n", []),
        ("LastName\n" + "\n".join(f"L{n:05}" for n in range(450)), [f"L{n:05}" for n in range(450)]),
    ],
)  # fmt: skip
def test_contents_that_are_read(rest: Rest, content: str, expected: list[str]) -> None:
    job = load(rest, content)
    assert state(job) == ("JobComplete", len(expected), 0)
    assert [name.strip() for name in names(rest)] == expected


def test_a_job_that_nothing_was_uploaded_to_completes_without_rows(rest: Rest) -> None:
    """R: jsforce's own tests read empty results of such a job."""
    job = new_job(rest)
    change(rest, job, "UploadComplete")
    assert state(ended(rest, job)) == ("JobComplete", 0, 0)
    assert result(rest, job, "successfulResults") == '"sf__Id","sf__Created"\n'
    assert result(rest, job, "failedResults") == '"sf__Id","sf__Error"\n'
    assert result(rest, job, "unprocessedrecords") == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("LastName,Nme\nA,B\n", "InvalidBatch : Field name not found : Nme"),
        ("LastName;Email\nA;B\n", "InvalidBatch : Field name not found : LastName;Email"),
        ("\ufeffLastName\nA\n", "InvalidBatch : Field name not found : \ufeffLastName"),
        ('\ufeff"LastName"\nA\n', f"InvalidBatch : {QUOTED}"),
        ("LastName,LastName\nA,B\n", "InvalidBatch : Duplicate field name found : LastName"),
        ("LastName,\nA,B\n", "InvalidBatch : Field name not found : "),
        ('LastName\n5" pipe\n', f"InvalidBatch : {QUOTED}"),
        ('LastName\n"A" \n', "InvalidBatch : Failed to parse CSV. Not expecting more text after end quote"),
        ('LastName,Email\n"A", "B"\n', f"InvalidBatch : {QUOTED}"),
        ('LastName\n"A\n', "InvalidBatch : Failed to parse CSV. EOF reached before closing an opened quote"),
        ("LastName\n" + "x" * 32_001, "InvalidBatch : Failed to parse CSV. Exceeded max field size: 32001"),
        ('LastName\n"' + "x\n" * 16_001 + '"', "InvalidBatch : Failed to parse CSV. Exceeded max field size: 32002"),
        (
            "LastName" + ",x" * 5_000 + "\nA\n",
            "InvalidBatch : Failed to parse CSV. Exceeded max number of columns per record : 5000",
        ),
        (
            "LastName,Description,Title,Phone\n" + ",".join(["x" * 100_001] * 4),
            "InvalidBatch : Failed to parse CSV. Exceeded max length for one record: 400004. Max length for one record "
            "should be less than or equal to 400000",
        ),
    ],
)  # fmt: skip
def test_contents_that_fail_their_job(rest: Rest, content: str, message: str) -> None:
    job = load(rest, content)
    assert (state(job), job["errorMessage"]) == (("Failed", 0, 0), message)
    assert names(rest) == []
    assert rows(rest, job, "successfulResults") == rows(rest, job, "failedResults") == []


def test_what_could_not_be_read_is_given_back_as_it_came(rest: Rest) -> None:
    """Rows that were read before it were not processed either: they are of the same batch."""
    job = load(rest, 'LastName\nA\n"B"\n5" pipe\nC\n')
    assert state(job) == ("Failed", 0, 0)
    assert result(rest, job, "unprocessedrecords") == 'LastName\n"A"\n"B"\n5" pipe\nC\n'


def test_batches_before_one_that_cannot_be_read_stay(rest: Rest, server: api.Server) -> None:
    job = load(rest, "LastName\n" + "x\n" * 10_000 + 'y\n5" pipe\n')
    assert state(job) == ("Failed", 10_000, 0)
    assert job["errorMessage"] == f"InvalidBatch : {QUOTED}"
    assert rest.query("SELECT COUNT() FROM Contact").json()["totalSize"] == 10_000
    assert len(rows(rest, job, "successfulResults")) == 10_000
    assert result(rest, job, "unprocessedrecords") == 'LastName\n"y"\n5" pipe\n'
    (told,) = server.control.for_org(rest.org.id).jobs()
    assert [(batch["number"], batch["state"], batch["done"]) for batch in told["batches"]] == [(0, "Completed", 10_000)]


def test_ragged_rows_fail_alone(rest: Rest) -> None:
    job = load(rest, "LastName,Email\nA,a@x.org\nB\nC,c@x.org,more\nD,d@x.org\n")
    assert state(job) == ("JobComplete", 4, 2)
    assert names(rest) == ["A", "D"]
    assert [line.split(" --")[1] for line in result(rest, job, "failedResults").splitlines()[1:]] == [
        '","B"', '","C","c@x.org","more"',
    ]  # fmt: skip


def test_a_cell_that_is_empty_says_nothing_and_one_that_is_not_available_empties(rest: Rest) -> None:
    load(rest, "LastName,Email,Title\nA,a@x.org,Dr\n")
    (record,) = rest.query("SELECT Id FROM Contact").json()["records"]
    job = load(rest, f"Id,LastName,Email,Title\n{record['Id']},B,,#N/A\n", operation="update")
    assert state(job) == ("JobComplete", 1, 0)
    assert rows(rest, job, "successfulResults")[0]["sf__Created"] == "false"
    (after,) = rest.query("SELECT LastName, Email, Title FROM Contact").json()["records"]
    assert (after["LastName"], after["Email"], after["Title"]) == ("B", "a@x.org", None)


def test_parents_are_named_by_their_keys(rest: Rest, server: api.Server) -> None:
    control = server.control.for_org(rest.org.id)
    (boss,) = control.seed("Contact", [{"LastName": "Boss", "External_Id__c": "B"}])
    job = load(rest, "LastName,ReportsTo.External_Id__c\nA,B\nC,nobody\nD,#N/A\nE,\n")
    assert state(job) == ("JobComplete", 4, 1)
    (bad,) = rows(rest, job, "failedResults")
    assert bad["sf__Error"].startswith(
        "INVALID_FIELD:Foreign key external ID: nobody not found for field External_Id__c"
    )
    found = rest.query("SELECT LastName, ReportsToId FROM Contact WHERE LastName IN ('A', 'D', 'E') ORDER BY LastName")
    assert [one["ReportsToId"] for one in found.json()["records"]] == [boss, None, None]
    wrong = load(rest, "LastName,ReportsTo.Nothing__c\nA,B\n")
    assert wrong["errorMessage"] == "InvalidBatch : Field name not found : ReportsTo.Nothing__c"


def test_a_cell_of_the_wrong_type_fails_its_row_with_its_column(rest: Rest) -> None:
    job = load(rest, "LastName,Birthdate\nA,2003-13-01\nB,2003-12-01\n")
    (bad,) = rows(rest, job, "failedResults")
    assert bad["sf__Error"] == (
        "INVALID_FIELD:Failed to deserialize field at col 1. Due to, '2003-13-01' is not a valid value for the type "
        "xsd:date:Birthdate --"
    )
    assert (bad["LastName"], bad["Birthdate"], names(rest)) == ("A", "2003-13-01", ["B"])


def test_a_value_that_is_too_long_fails_its_row(rest: Rest) -> None:
    job = load(rest, f"LastName\n{'x' * 81}\nB\n")
    (bad,) = rows(rest, job, "failedResults")
    assert bad["sf__Error"] == (
        f"STRING_TOO_LONG:Last Name: data value too large: {'x' * 81} (max length=80):LastName --"
    )
    assert bad["LastName"] == "x" * 81


def test_nul_bytes_and_what_is_no_text_hurt_nobody(rest: Rest) -> None:
    job = load(rest, b"LastName,Title\nA\x00B,\xff\xfe\nC,d\n")
    assert state(job)[:2] == ("JobComplete", 2)
    found = rows(rest, job, "successfulResults") + rows(rest, job, "failedResults")
    assert [row["Title"] for row in found] == ["\ufffd\ufffd", "d"]


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("UTF-8", "utf-8"),
        ("utf8", "utf-8"),
        ("ISO-8859-1", "latin-1"),
        ("windows-1252", "cp1252"),
        ("UTF-16", "utf-16"),
    ],
)
def test_a_content_may_name_its_charset(rest: Rest, charset: str, encoding: str) -> None:
    job = new_job(rest)
    content = "LastName\nÄrger\n".encode(encoding)
    assert upload(rest, job, content, **{"Content-Type": f"text/csv; charset={charset}"}).status_code == 201
    change(rest, job, "UploadComplete")
    assert state(ended(rest, job)) == ("JobComplete", 1, 0)
    assert names(rest) == ["Ärger"]
    assert rows(rest, job, "successfulResults")[0]["LastName"] == "Ärger"


def test_utf_16_that_does_not_say_so_is_not_read(rest: Rest) -> None:
    job = load(rest, "LastName\nA\n".encode("utf-16"))
    assert state(job) == ("Failed", 0, 0)
    assert job["errorMessage"].startswith("InvalidBatch : Field name not found : ")


def test_a_packed_content(rest: Rest) -> None:
    job = new_job(rest)
    packed = gzip.compress(b"LastName\nLovelace\n")
    assert upload(rest, job, packed[:-10], **{"Content-Encoding": "gzip"}).status_code == 400
    assert upload(rest, job, packed, **{"Content-Encoding": "gzip"}).status_code == 201
    change(rest, job, "UploadComplete")
    assert state(ended(rest, job)) == ("JobComplete", 1, 0)
    assert names(rest) == ["Lovelace"]


def test_the_same_key_twice_fails_both_rows_of_a_chunk_and_updates_across_chunks(rest: Rest) -> None:
    """Each 200 rows are a call of their own to the platform, which refuses a key that is there twice."""
    first = [f"K{n},L{n}" for n in range(199)] + ["K0,again"]
    job = load(
        rest, "External_Id__c,LastName\n" + "\n".join([*first, "K5,later"]), operation="upsert",
        externalIdFieldName="External_Id__c",
    )  # fmt: skip
    assert state(job) == ("JobComplete", 201, 2)
    bad = rows(rest, job, "failedResults")
    assert [(row["External_Id__c"], row["sf__Error"]) for row in bad] == [
        ("K0", "DUPLICATE_VALUE:Duplicate external id specified: K0:External_Id__c --")
    ] * 2
    good = {row["LastName"]: row for row in rows(rest, job, "successfulResults")}
    assert (good["L5"]["sf__Created"], good["later"]["sf__Created"]) == ("true", "false")
    assert good["L5"]["sf__Id"] == good["later"]["sf__Id"]
    (found,) = rest.query("SELECT LastName FROM Contact WHERE External_Id__c = 'K5'").json()["records"]
    assert found["LastName"] == "later"


def test_deletions(rest: Rest, server: api.Server) -> None:
    first, second = server.control.for_org(rest.org.id).seed("Contact", [{"LastName": "A"}, {"LastName": "B"}])
    job = load(rest, f"Id\n{first}\n003000000000000\n", operation="delete")
    assert state(job) == ("JobComplete", 2, 1)
    assert rows(rest, job, "successfulResults") == [{"sf__Id": first, "sf__Created": "false", "Id": first}]
    (bad,) = rows(rest, job, "failedResults")
    assert bad["sf__Error"] == "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id: --"
    assert names(rest) == ["B"]
    more = load(rest, f"Id,LastName\n{second},x\n", operation="delete")
    assert (more["state"], more["errorMessage"]) == (
        "Failed", "InvalidBatch : The 'delete' batch must contain only ids.",
    )  # fmt: skip
    assert rows(rest, more, "unprocessedrecords") == [{"Id": second, "LastName": "x"}]


def test_results_come_in_the_order_of_the_rows(rest: Rest) -> None:
    sent = [f"L{n}" if n % 3 else "" for n in range(700)]
    job = load(rest, "LastName,Title\n" + "".join(f"{name},T{n}\n" for n, name in enumerate(sent)))
    assert [row["LastName"] for row in rows(rest, job, "successfulResults")] == [name for name in sent if name]
    assert [row["Title"] for row in rows(rest, job, "failedResults")] == [f"T{n}" for n in range(0, 700, 3)]


def test_a_job_makes_batches_of_ten_thousand_records(rest: Rest, server: api.Server) -> None:
    job = load(rest, "LastName\n" + "x\n" * 20_001)
    assert state(job) == ("JobComplete", 20_001, 0)
    (told,) = server.control.for_org(rest.org.id).jobs()
    assert [(one["number"], one["records"], one["state"]) for one in told["batches"]] == [
        (0, 10_000, "Completed"), (1, 10_000, "Completed"), (2, 1, "Completed"),
    ]  # fmt: skip


CELLS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


@settings(max_examples=200)
@given(
    table=st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=30),
    delimiter=st.sampled_from(sorted(MARKS)),
    ending=st.sampled_from(sorted(ENDS)),
    size=st.integers(1, 60),
)
def test_what_a_writer_of_csv_writes_is_read_as_it_was_and_written_so(
    table: list[list[str]], delimiter: str, ending: str, size: int
) -> None:
    """In whatever parts it comes, and with quotes around all values or only where they are needed."""
    for quoting in (csv.QUOTE_ALL, csv.QUOTE_MINIMAL):
        if quoting == csv.QUOTE_MINIMAL:  # whose writer leaves a carriage return bare
            table = [[cell.replace("\r", "") for cell in row] for row in table]
        text = StringIO(newline="")
        writer = csv.writer(text, delimiter=MARKS[delimiter], lineterminator=ENDS[ending], quoting=quoting)
        writer.writerows([["Title", "Description"], *table])
        content = text.getvalue().encode()
        parts = [content[at : at + size] for at in range(0, len(content), size)]
        endings = LineEndings(ending)
        assert all(map(endings.agree, parts))
        assert endings.end()
        read = reading.read(parts, delimiter)
        assert (read.columns, list(read.rows)) == (("Title", "Description"), table)
        files = ResultFiles(read.columns, delimiter, ending)
        again = reading.read([files.header("unprocessed"), files.rest(table)], delimiter)
        assert list(again.rows) == table
