"""Where the org may send to: which hosts are this machine by their very name, and what is no URL."""

from __future__ import annotations

import pytest

from mock_server.org.outbound.targets import BadTarget, check, filled, host_of, is_local

SERVICE = "http://127.0.0.1:9000"


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/x", "http://LOCALHOST:9/x", "http://localhost./", "http://orders.localhost/", "http://[::1]:9/",
        "http://127.0.0.1:9/", "http://127.9.9.9/", "http://[::ffff:127.0.0.1]/", "http://[::1%25lo]/",
        "http://127.0.0.1#@evil.example/", "{service}/orders", "http://{service}/orders", "HTTPS://127.0.0.1/",
    ],
)  # fmt: skip
def test_this_machine(url: str) -> None:
    assert is_local(host_of(filled(url, SERVICE)))


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost.evil.example/", "http://127.0.0.1.evil.example/", "http://127.0.0.1%2eevil.example/",
        "http://127.0.0.1%00.evil.example/", "http://127.0.0.1%25lo/", "http://127.0.0.1;evil.example/", "http://127.1/",
        "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://0.0.0.0/", "http://[::]/",
        "http://[::ffff:10.0.0.1]/", "http://169.254.169.254/", "http://[fe80::1%25lo]/", "http://xn--localhost/",
        "{service}.evil.example/",
    ],
)  # fmt: skip
def test_elsewhere(url: str) -> None:
    assert not is_local(host_of(filled(url, "http://localhost")))


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@127.0.0.1/", "http://127.0.0.1@evil.example/", "http://127.0.0.1\\@evil.example/",
        "{service}@evil.example/", "ftp://127.0.0.1/", "file:///etc/passwd", "//127.0.0.1/", "http:///x",
        "http://127.0.0.1:0/", "http://127.0.0.1:99999/", "http://127.0.0.1/a b", "http://127.0.0.1/\r\nHost: x",
        "http://{record.Name}/", "{record.Name}", "http://ⓛocalhost/", f"http://127.0.0.1/{'a' * 3000}", "",
    ],
)  # fmt: skip
def test_no_url(url: str) -> None:
    with pytest.raises(BadTarget):
        check(url)
