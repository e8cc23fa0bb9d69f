"""The SOAP API of Apex over HTTP: what `sf apex run` and editors send."""

from __future__ import annotations

import pytest

from tests.conftest import Rest

APEX = "http://soap.sforce.com/2006/08/apex"


def envelope(token: str, operation: str = "executeAnonymous", namespace: str = APEX) -> str:
    return (
        f'<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" xmlns:cmd="{APEX}"><env:Header>'
        f"<cmd:SessionHeader><cmd:sessionId>{token}</cmd:sessionId></cmd:SessionHeader></env:Header><env:Body>"
        f'<{operation} xmlns="{namespace}"><apexcode>System.debug(1);</apexcode></{operation}></env:Body></env:Envelope>'
    )


def post(rest: Rest, body: str, path: str = "/services/Soap/s/66.0/00D000000000001") -> tuple[int, str]:
    answer = rest.http.post(rest.url + path, data=body, headers={"Content-Type": "text/xml"}, timeout=20)
    return answer.status_code, answer.text


def test_apex_is_said_not_to_run(rest: Rest) -> None:
    status, text = post(rest, envelope(rest.token))
    assert status == 200
    assert "<compiled>false</compiled>" in text
    assert "<success>false</success>" in text
    assert "not run" in text


@pytest.mark.parametrize(
    ("token", "operation", "path", "told"),
    [
        ("wrong", "executeAnonymous", "/services/Soap/s/66.0", "INVALID_SESSION_ID"),
        (None, "compileClasses", "/services/Soap/s/66.0", "No operation available"),
        (None, "executeAnonymous", "/services/Soap/s/7.0", "UNSUPPORTED_API_VERSION"),
    ],
)
def test_what_is_refused(rest: Rest, token: str | None, operation: str, path: str, told: str) -> None:
    status, text = post(rest, envelope(token or rest.token, operation), path)
    assert status == 500
    assert told in text
