"""The three forms of a batch's content say the same."""

from __future__ import annotations

import csv
import json
from io import StringIO
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.org.errors import ApiError
from mock_server.org.jobs.contents import Content, known_charset, steps

NAMES = ("LastName", "Description", "Account.Ext__c", "Account:What.Id")
TEXTS = st.text(st.sampled_from("ab ,;\"\n\t&<>#'é漢😀"), min_size=1, max_size=8)
RECORDS = st.lists(st.dictionaries(st.sampled_from(NAMES), st.none() | TEXTS, min_size=1), min_size=1, max_size=5)


def read(form: str, data: bytes) -> list[dict[str, str]]:
    """Return the cells of each record that say something."""
    content = Content()
    for _ in steps(form, data, "utf-8", content):
        pass
    rows = content.rows(0, len(content.records))
    return [{name: cell for name, cell in zip(content.columns, row, strict=True) if cell} for row in rows]


def in_csv(records: list[dict[str, str | None]]) -> bytes:
    columns = [name for name in NAMES if any(name in record for record in records)]
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    for record in records:
        writer.writerow(["#N/A" if record.get(name, "") is None else record.get(name, "") for name in columns])
    return out.getvalue().encode()


def _split(name: str) -> tuple[str, str, str]:
    path, dot, key = name.partition(".")
    kind, _, relationship = path.rpartition(":")
    return (kind, relationship, key) if dot else ("", "", name)


def in_json(records: list[dict[str, str | None]]) -> bytes:
    def one(record: dict[str, str | None]) -> dict[str, object]:
        out: dict[str, object] = {}
        for name, value in record.items():
            kind, relationship, key = _split(name)
            own = {key: value}
            out[relationship or key] = (
                ({**own, "attributes": {"type": kind}} if kind else own) if relationship else value
            )
        return out

    return json.dumps([one(record) for record in records]).encode()


def in_xml(records: list[dict[str, str | None]]) -> bytes:
    def field(name: str, value: str | None) -> str:
        return f'<{name} xsi:nil="true"/>' if value is None else f"<{name}>{escape(value)}</{name}>"

    def one(record: dict[str, str | None]) -> str:
        out = ""
        for name, value in record.items():
            kind, relationship, key = _split(name)
            inner = (f"<type>{kind}</type>" if kind else "") + field(key, value)
            out += f"<{relationship}><sObject>{inner}</sObject></{relationship}>" if relationship else field(key, value)
        return f"<sObject>{out}</sObject>"

    namespaces = 'xmlns="urn:x" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    return f'<?xml version="1.0"?><sObjects {namespaces}>{"".join(map(one, records))}</sObjects>'.encode()


@given(RECORDS)
def test_csv_json_and_xml_say_the_same(records: list[dict[str, str | None]]) -> None:
    expected = [
        {name: "#N/A" if value is None else value for name, value in record.items()} for record in records
    ]  # fmt: skip
    assert read("JSON", in_json(records)) == read("XML", in_xml(records)) == read("CSV", in_csv(records)) == expected


@pytest.mark.parametrize(
    ("value", "cell"),
    [(True, "true"), (False, "false"), (3, "3"), (1.5, "1.5"), (1e21, "1e+21"), ("", "#N/A"), (None, "#N/A"), (0, "0")],
)
def test_values_of_json_as_cells(value: object, cell: str) -> None:
    assert read("JSON", json.dumps([{"A": value}]).encode()) == [{"A": cell}]


@given(st.sampled_from(["CSV", "JSON", "XML"]), st.binary(max_size=200))
def test_no_content_is_more_than_a_batch_that_fails(form: str, data: bytes) -> None:
    try:
        read(form, data)
    except ApiError as error:
        assert error.code == "InvalidBatch"
    except ValueError as error:
        assert "zip()" in str(error)  # rows of another width than their header are for who saves them


@pytest.mark.parametrize("name", ["utf-8", "UTF-8", "iso-8859-1", "windows-1252", "Shift_JIS", "utf-16", "gb18030"])
def test_charsets_that_can_be_read(name: str) -> None:
    assert known_charset(name)
    "".encode(name)


@pytest.mark.parametrize(
    "name", ["hex", "zip", "rot13", "idna", "unicode_escape", "utf-7", "x" * 1000, "utf-8\n", "iso-8859-99"]
)
def test_charsets_that_are_none(name: str) -> None:
    assert not known_charset(name)


@pytest.mark.parametrize("form", ["JSON", "XML"])
def test_records_may_write_a_field_in_different_cases(form: str) -> None:
    data = {
        "JSON": b'[{"LastName": "a"}, {"lastname": "b"}]',
        "XML": b"<sObjects><sObject><LastName>a</LastName></sObject><sObject><lastname>b</lastname></sObject></sObjects>",
    }[form]
    assert read(form, data) == [{"LastName": "a"}, {"LastName": "b"}]
