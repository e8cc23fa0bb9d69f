"""Which addresses a browser may be sent to: texts that are registered, and nothing that only looks like them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.org.identity.redirects import find

OWN = "http://127.0.0.1:8080"
REGISTERED = (
    "https://app.example/cb",
    "https://app.example/cb?tenant=1",
    "sfdc://oauth/done",
    "http://localhost:1717/x",
)
_HOSTILE = st.text("/\\:@?#[]%.;&=<>\"' \t\r\n\0aelx1[]", max_size=30)


@pytest.mark.parametrize("uri", REGISTERED)
def test_a_registered_callback_is_found(uri: str) -> None:
    found = find(REGISTERED, uri, OWN)
    assert found is not None
    assert found.uri == uri


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/cb/", "https://app.example/CB", "https://app.example:443/cb", "http://app.example/cb",
        "https://app.example/cb?tenant=2", "https://app.example/cb#x", "https://app.example/cb/../cb",
        "HTTPS://app.example/cb", "https://app.example.evil.example/cb", "https://app.example@evil.example/cb",
        "http://localhost:1718/x", "http://127.0.0.1:1717/x", "https://login.salesforce.com/services/oauth2/success",
        "sfdc://oauth/done/more", "", " https://app.example/cb", "https://app.example/cb ", "//app.example/cb",
    ],
)  # fmt: skip
def test_anything_else_is_not(uri: str) -> None:
    assert find(REGISTERED, uri, OWN) is None


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost:1717/OauthRedirect", "http://localhost/", "https://localhost:8443/cb?x=1", "http://127.0.0.1:1/a",
        "http://127.9.9.9/", "http://[::1]:8080/cb", "https://login.salesforce.com/services/oauth2/success",
        "https://test.salesforce.com/services/oauth2/success", f"{OWN}/services/oauth2/success",
    ],
)  # fmt: skip
def test_without_registered_ones_any_program_of_this_machine_does(uri: str) -> None:
    assert find((), uri, OWN) is not None


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost.evil.example/", "http://localhost@evil.example/", "http://127.0.0.1@evil.example/",
        "http://evil.example/", "http://127.0.0.1.evil.example/", "http://localhost:99999999/", "http://localhost:x/",
        "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "sfdc://done", "http:///localhost/",
        "http:localhost/", "http://[::1", "http://[::2]/", "http://10.0.0.1/", "http://localhost\\@evil.example/",
        "http://localhost;x/", "http://local'host/", "http://localhost/\r\nX: y", "http://localhost/a b", "http://localhost/\N{SNOWMAN}", "http://localhost/#x",
        "https://login.salesforce.com/services/oauth2/success?x=1", "https://login.salesforce.com.evil.example/",
    ],
)  # fmt: skip
def test_but_nobody_elsewhere(uri: str) -> None:
    assert find((), uri, OWN) is None


@given(
    st.one_of(_HOSTILE, st.builds("{}{}".format, st.sampled_from(("http://localhost", "http://", "sfdc:")), _HOSTILE))
)
def test_what_is_found_is_safe_to_send(uri: str) -> None:
    for registered in ((), (uri,)):
        found = find(registered, uri, OWN)
        if found is None:
            continue
        assert found.uri == uri
        assert uri.isascii()
        assert uri.isprintable()
        assert not set(uri) & set(" \"'<>#\\") - {"'"}
        host = urlsplit(uri).hostname
        if not registered:
            assert host in ("localhost", "::1") or (host or "").startswith("127.")
        for put in (found.with_query, found.with_fragment):
            sent = put({"state": "a&b=c#d\r\n\N{SNOWMAN}"})
            assert sent.startswith(uri)
            assert sent.isascii()
            assert sent.isprintable()
        assert not set(found.source) & set(" ;,'\"")


@given(st.dictionaries(st.sampled_from(("code", "state", "error")), st.text(max_size=20), min_size=1))
def test_an_answer_comes_out_as_it_went_in(answer: dict[str, str]) -> None:
    safe = {name: value for name, value in answer.items() if not any("\ud800" <= one <= "\udfff" for one in value)}
    found = find((), "http://localhost/cb?own=1", OWN)
    assert found is not None
    read = dict(parse_qsl(urlsplit(found.with_query(safe)).query, keep_blank_values=True))
    assert read == {"own": "1", **safe}


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("http://localhost:1717/x", "http://localhost:1717"),
        ("http://[::1]:1717/x", "http:"),
        ("sfdc://oauth/done", "sfdc:"),
        ("com.example.app:/cb", "com.example.app:"),
    ],
)
def test_a_policy_names_the_origin_or_the_scheme(uri: str, source: str) -> None:
    found = find((uri,), uri, OWN)
    assert found is not None
    assert found.source == source
    assert found.own_scheme is (not uri.startswith("http"))
