"""The cookies of a browser's first visit."""

from __future__ import annotations

from collections.abc import Sequence
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from mock_server.api import Server

NAMES = ["CookieConsentPolicy", "LSKey-c$CookieConsentPolicy", "BrowserId"]
KNOWN = {"Cookie": "BrowserId=x"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([{}, {}], [NAMES, []]),
        ([KNOWN, {}], [[], NAMES]),
        ([{"Host": "sfmock.my.salesforce.com"}] * 2, [NAMES, NAMES]),
        ([{"Host": "sfmock.my.salesforce.com", **KNOWN}], [[]]),
    ],
)
def test_come_with_the_first_answer_of_a_connection_or_whenever_they_can_be_kept(
    server: Server, asked: Sequence[dict[str, str]], expected: list[list[str]]
) -> None:
    connection = HTTPConnection(urlsplit(server.url).netloc)
    found = []
    for headers in asked:
        connection.request("GET", "/services/data", headers=headers)
        answer = connection.getresponse()
        answer.read()
        found.append([one.partition("=")[0] for one in answer.headers.get_all("Set-Cookie", [])])
    connection.close()
    assert found == expected
