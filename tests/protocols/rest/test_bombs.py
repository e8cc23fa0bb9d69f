"""Bodies that are small to send and dear to read: each is refused, or done, while others hardly wait."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from mock_server.multipart import Malformed, parts
from mock_server.org.errors import ApiError
from mock_server.org.reports.filters import _joined
from mock_server.org.schema.xml_tree import XmlError, parse
from tests.conftest import Rest

DATA = "/services/data/v60.0"
JSON, XML = "application/json", "application/xml"
PATIENCE = 5.0
"""Seconds of this process, in which the server runs too: how busy the machine is does not matter."""


def composite(*texts: str) -> bytes:
    requests = [
        {"method": "POST", "url": f"{DATA}/sobjects/Account", "referenceId": f"r{at}", "body": {"Name": text}}
        for at, text in enumerate(texts)
    ]
    return json.dumps({"compositeRequest": requests}).encode()


def many(key: str, item: Any, count: int) -> bytes:
    return json.dumps({key: [item] * count}).encode()


def subrequests(count: int) -> bytes:
    given = [{"method": "GET", "url": f"{DATA}/limits", "referenceId": f"r{at}"} for at in range(count)]
    return json.dumps({"compositeRequest": given}).encode()


BOMBS: dict[str, tuple[str, str, Callable[[], bytes], int, str]] = {
    "deep": ("/sobjects/Contact", JSON, lambda: b'{"LastName":' + b"[" * 1000 + b"]" * 1000 + b"}", 400, "nesting"),
    "deeper": ("/sobjects/Contact", JSON, lambda: b'{"a":' * 100_000, 400, "nesting"),
    "keys": ("/sobjects/Contact", JSON, lambda: json.dumps({f"k{at}": 1 for at in range(300_000)}).encode(), 400, "k0"),
    "twice": ("/sobjects/Contact", JSON, lambda: b'{"LastName":"y"' + b',"LastName":"x"' * 100_000 + b"}", 201, "id"),
    "digits": ("/sobjects/Account", JSON, lambda: b'{"AnnualRevenue":' + b"9" * 3_000_000 + b"}", 400, "valid range"),
    "quotes": ("/sobjects/Account", JSON, lambda: b'{"a":"' + b'\\"' * 1_000_000 + b'","b":NaN}', 400, "NaN"),
    "attribute": ("/sobjects/Contact", XML, lambda: b'<r a="' + b"x" * 20_000_000 + b'"/>', 400, "longer than"),
    "unclosed": ("/sobjects/Contact", XML, lambda: b'<r a="' + b"x" * 20_000_000, 400, "longer than"),
    "comment": ("/sobjects/Contact", XML, lambda: b"<r><!-- " + b"x" * 20_000_000, 400, "longer than"),
    "elements": ("/sobjects/Contact", XML, lambda: b"<r>" + b"<a/>" * 1_000_000 + b"</r>", 400, "100,000 elements"),
    "nested": ("/sobjects/Contact", XML, lambda: b"<r>" * 100_000, 400, "100 deep"),
    "entities": (
        "/sobjects/Contact", XML, lambda: b'<!DOCTYPE r [<!ENTITY a "b">]><r><LastName>&a;</LastName></r>', 400, "DTD",
    ),
    "encoding": ("/sobjects/Contact", XML, lambda: b'<?xml version="1.0" encoding="zlib"?><r/>', 400, "zlib"),
    "references": ("/composite", JSON, lambda: composite("x", "@{r0.id}" * 300_000), 200, "larger than 50 MB"),
    "steps": ("/composite", JSON, lambda: composite("x", "@{r0.id" + ".a" * 2_000_000 + "}"), 200, "PROCESSING_HALTED"),
    "open": ("/composite", JSON, lambda: composite("x", "@{" * 1_000_000), 200, "too large"),
    "subrequests": ("/composite", JSON, lambda: subrequests(100_000), 200, "more than 25"),
    "graphs": (
        "/composite/graph", JSON, lambda: many("graphs", {"compositeRequest": [{"method": "GET"}]}, 100_000), 400, "75",
    ),
    "rows": (
        "/composite/sobjects", JSON, lambda: many("records", {"attributes": {"type": "Contact"}}, 100_000), 400, "200",
    ),
    "objects": (
        "/parameterizedSearch", JSON, lambda: b'{"q":"ab",' + many("sobjects", {"name": "Account"}, 20_000)[1:], 400,
        "too many fields",
    ),
    "clauses": (
        "/parameterizedSearch", JSON,
        lambda: b'{"q":"ab","fields":"' + b"Id," * 30_000 + b'Id",' + many("sobjects", {"name": "Account"}, 99)[1:],
        400, "too many fields",
    ),
    "word": (
        "/parameterizedSearch", JSON, lambda: json.dumps({"q": "a" * 5_000_000}).encode(), 200, "searchRecords",
    ),
    "boundaries": (
        "/sobjects/ContentVersion", "multipart/form-data; boundary=x", lambda: b"\n--xy" * 5_000_000, 400, "boundary",
    ),
    "parts": (
        "/sobjects/ContentVersion", "multipart/form-data; boundary=x", lambda: b"--x\r\n" * 1_000_000, 400, "250 parts",
    ),
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_does_no_harm(rest: Rest, bomb: str) -> None:
    path, kind, body, status, text = BOMBS[bomb]
    sent = body()
    start = time.process_time()
    answer = rest.post(path, data=sent, headers={"Content-Type": kind})
    assert time.process_time() - start < PATIENCE
    assert answer.status_code == status, answer.text[:500]
    assert text in answer.text


HEADERS = [
    "Sforce-Duplicate-Rule-Header", "Sforce-Call-Options", "Sforce-Query-Options", "Sforce-Auto-Assign", "Sforce-Mru",
    "If-None-Match", "If-Match", "If-Modified-Since", "If-Unmodified-Since", "Accept", "Accept-Language", "X-PrettyPrint",
    "Cookie", "Content-Type",
]  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("value", ["x", '"', ",", ";=", "a ", "9", "client=a b,", "*/*;q=9,"])
def test_long_headers_are_read_quickly(rest: Rest, name: str, value: str) -> None:
    value = (value * 15_000)[:15_000]
    start = time.process_time()
    for answer in (
        rest.post(
            "/sobjects/Contact", data=b'{"LastName":"x"}', headers={"Content-Type": "application/json", name: value}
        ),
        rest.query("SELECT Id FROM Contact", headers={name: value}),
    ):
        assert answer.status_code < 500
    assert time.process_time() - start < PATIENCE


@pytest.mark.parametrize(
    "logic", ["9" * 5000, "(" * 3000 + "1" + ")" * 3000, "NOT " * 3000 + "1", "1 OR " * 5000 + "1"]
)
def test_the_logic_of_filters_has_an_end(logic: str) -> None:
    try:
        assert _joined(logic, ["Name = 'x'"])
    except ApiError as error:
        assert error.code == "INVALID_INPUT"


@pytest.mark.parametrize(
    "clause",
    ["LIMIT " + "9" * 5000, "LIMIT " + "0" * 5000 + "1", "OFFSET " + "9" * 5000, "LIMIT \u0661", "LIMIT \u00b2"],
)
def test_numbers_of_clauses(rest: Rest, clause: str) -> None:
    assert rest.query(f"SELECT Id FROM Account {clause}").status_code in (200, 400)


def test_metadata_may_hold_long_texts_and_many_elements() -> None:
    long = "x" * 1_000_000
    assert parse(f"<a><b>{long}</b><c><![CDATA[{long}]]></c></a>".encode()).get("c") == long
    assert len(parse(b"<a>" + b"<b/>" * 150_000 + b"</a>").children) == 150_000
    with pytest.raises(XmlError, match="line 3: a tag or comment is longer"):
        parse(b"<a>\n\n<b c='" + b"x" * 1_000_000 + b"'/></a>")


def test_a_line_that_begins_like_a_boundary_is_content() -> None:
    kind, head = "multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
    (part,) = parts(kind, head + b"1\r\n--xy\r\n2\r\n--x--")
    assert part.content == b"1\r\n--xy\r\n2"
    with pytest.raises(Malformed):
        parts(kind, head + b"1\r\n--xy")
