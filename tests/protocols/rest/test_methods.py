"""Methods by another name, HEAD and OPTIONS, pages of other servers, and which versions are served."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mock_server import api
from mock_server.config import ConfigError, resolve
from tests.conftest import Rest

PAGE = "https://app.example.com"


@pytest.fixture
def contact(rest: Rest) -> str:
    return str(rest.post("/sobjects/Contact", json={"LastName": "x"}).json()["id"])


@pytest.mark.parametrize(
    "query",
    [
        "_HttpMethod=PATCH",
        "_HttpMethod=patch",
        "x=1&_HttpMethod=PATCH&y=2",
        "%5FHttpMethod=PATC%48",
        "_HttpMethod=+PATCH",
    ],
)
def test_a_post_stands_for_a_patch(rest: Rest, contact: str, query: str) -> None:
    answer = rest.post(f"/sobjects/Contact/{contact}?{query}", json={"LastName": "y"})
    assert answer.status_code == 204
    assert rest.get(f"/sobjects/Contact/{contact}").json()["LastName"] == "y"


def test_a_post_stands_for_other_methods(rest: Rest, contact: str) -> None:
    path = f"/sobjects/Contact/{contact}"
    assert rest.post(f"{path}?_HttpMethod=GET&fields=LastName").json()["LastName"] == "x"
    assert rest.post(f"{path}?_HttpMethod=DELETE").status_code == 204
    assert rest.get(path).status_code == 404


@pytest.mark.parametrize(
    "query", ["_HttpMethod=", "x_HttpMethod=DELETE", "_httpmethod=DELETE", "_HttpMethodX=DELETE", "q=_HttpMethod"]
)
def test_what_names_no_method_is_a_post(rest: Rest, contact: str, query: str) -> None:
    answer = rest.post(f"/sobjects/Contact/{contact}?{query}", json={})
    assert answer.status_code == 405
    assert answer.json()[0]["message"].startswith("HTTP Method 'POST' not allowed")


def test_only_a_post_is_overridden(rest: Rest, contact: str) -> None:
    assert rest.get(f"/sobjects/Contact/{contact}?_HttpMethod=DELETE").status_code == 200
    assert rest.get(f"/sobjects/Contact/{contact}").status_code == 200


@pytest.mark.parametrize("method", ["FOO", "%0d%0aX: y", "A" * 5000, "%00", "OPTIONS"])
def test_hostile_methods(rest: Rest, contact: str, method: str) -> None:
    answer = rest.post(f"/sobjects/Contact/{contact}?_HttpMethod={method}", json={})
    assert answer.status_code in (200, 405)
    assert len(answer.content) < 300


def test_a_method_that_is_not_allowed(rest: Rest) -> None:
    answer = rest("PUT", "/sobjects/Contact", json={})
    assert answer.status_code == 405
    assert answer.json() == [
        {"errorCode": "METHOD_NOT_ALLOWED", "message": "HTTP Method 'PUT' not allowed. Allowed are HEAD,GET,POST"}
    ]
    assert answer.headers["Allow"] == "HEAD,GET,POST"


def test_options_tell_what_is_allowed(rest: Rest, contact: str) -> None:
    answer = rest("OPTIONS", f"/sobjects/Contact/{contact}")
    assert (answer.status_code, answer.headers["Allow"]) == (200, "HEAD,GET,POST,PATCH,DELETE")
    assert rest("OPTIONS", "/nope").status_code == 404
    assert rest("OPTIONS", "/limits", headers={"Authorization": None}).status_code == 401


def test_head_is_a_get_without_its_body(rest: Rest, contact: str) -> None:
    gets = [one for one in api.operations().routes if one.operation.method == "GET"]
    assert len(gets) > 50
    fill = {"version": "v60.0", "sobject": "Contact", "id": contact, "field": "External_Id__c", "value": "x"}
    for route in gets:
        path = re.sub(r"\{(\w+)\}", lambda match: fill.get(match[1], "x"), route.operation.path)
        head, whole = rest("HEAD", path, allow_redirects=False), rest.get(path, allow_redirects=False)
        assert (head.status_code, head.content) == (whole.status_code, b""), path
        assert head.headers.get("Content-Type") == whole.headers.get("Content-Type"), path


# -- pages of other servers


@pytest.fixture(scope="module")
def served() -> Iterator[Rest]:
    """An org of a server whose settings allow some origins."""
    with api.start(cors=(PAGE, "https://*.example.org", "http://localhost:3000")) as running:
        made = running.control.create_org()
        yield Rest(running.url, made.access_token, made)


def preflight(origin: str, method: str = "PATCH") -> dict[str, str | None]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
        "Authorization": None,
    }  # type: ignore[return-value]


@pytest.mark.parametrize("origin", [PAGE, "https://a.example.org", "https://a.b.example.org", "http://localhost:3000"])
def test_a_page_of_the_list_may_call(served: Rest, origin: str) -> None:
    asked = served("OPTIONS", "/sobjects/Contact", headers=preflight(origin))
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["Access-Control-Allow-Origin"] == origin
    assert "PATCH" in asked.headers["Access-Control-Allow-Methods"]
    assert asked.headers["Access-Control-Allow-Headers"] == "authorization,content-type"
    for path, status in (("/limits", 200), ("/nope", 404)):
        answer = served.get(path, headers={"Origin": origin})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, origin)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.com", "http://app.example.com", "https://app.example.com:8443", "https://example.org",
        "https://a.example.org.evil.com", "https://app.example.com.evil.com", "https://evil.com/.example.org",
    ],
)  # fmt: skip
def test_any_other_page_is_refused(served: Rest, origin: str) -> None:
    asked = served("OPTIONS", "/sobjects/Contact", headers=preflight(origin))
    assert asked.status_code == 403
    answer = served.post("/sobjects/Contact", json={"LastName": "cors"}, headers={"Origin": origin})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "FORBIDDEN")
    assert "Access-Control-Allow-Origin" not in {*asked.headers, *answer.headers}
    assert served.query("SELECT COUNT() FROM Contact WHERE LastName = 'cors'").json()["totalSize"] == 0


def test_the_journal_tells_of_refused_pages(server: api.Server, rest: Rest) -> None:
    rest.get("/limits", headers={"Origin": PAGE})
    (entry,) = server.control.for_org(rest.org.id).journal()
    assert (entry["codes"], entry["unimplemented"]) == (["FORBIDDEN"], False)


def test_what_is_no_page_goes_through(rest: Rest) -> None:
    for origin in (None, rest.url, "null", "chrome-extension://abc"):
        answer = rest.get("/limits", headers={"Origin": origin})
        assert answer.status_code == 200
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_records_of_the_list_count(rest: Rest) -> None:
    assert rest.get("/limits", headers={"Origin": PAGE}).status_code == 403
    values = {"DeveloperName": "App", "MasterLabel": "App", "UrlPattern": PAGE}
    made = rest.post("/sobjects/CorsWhitelistEntry", json=values)
    assert made.status_code == 201, made.text
    assert rest("OPTIONS", "/limits", headers=preflight(PAGE)).status_code == 200
    assert rest.get("/limits", headers={"Origin": PAGE}).headers["Access-Control-Allow-Origin"] == PAGE
    rest.delete(f"/sobjects/CorsWhitelistEntry/{made.json()['id']}")
    assert rest.get("/limits", headers={"Origin": PAGE}).status_code == 403


# -- versions


def test_the_newest_version_is_a_setting() -> None:
    with api.start(latest=59) as running:
        made = running.control.create_org()
        rest = Rest(running.url, made.access_token, made, version="59.0")
        versions = rest.get("/services/data").json()
        assert versions[-1] == {"label": "Winter '24", "url": "/services/data/v59.0", "version": "59.0"}
        assert rest.get("/limits").status_code == 200
        assert rest.get("/services/data/v60.0/limits").status_code == 404
        identity = rest.get(f"/id/{made.id}/{made.user_id}", params={"version": "latest"}).json()
        assert identity["urls"]["rest"].endswith("/services/data/v59.0/")
        assert made.api_version == "59.0"


@pytest.mark.parametrize(
    ("number", "label"),
    [
        (31, "Summer '14"),
        (51, "Spring '21"),
        (60, "Spring '24"),
        (64, "Summer '25"),
        (67, "Summer '26"),
        (68, "Winter '27"),
    ],
)
def test_versions_have_the_names_of_releases(rest: Rest, number: int, label: str) -> None:
    assert {"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"} in rest.get(
        "/services/data"
    ).json()


@pytest.mark.parametrize(
    ("version", "status"), [("v30.0", 410), ("v7.0", 410), ("v6.0", 404), ("v69.0", 404), ("v60", 404), ("latest", 404)]
)
def test_versions_that_are_not_served(rest: Rest, version: str, status: int) -> None:
    assert rest.get(f"/services/data/{version}/limits").status_code == status


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("cors: [app.example.com]", "is no origin"),
        ("cors: ['https://*']", "is no origin"),
        ("cors: 5", "a list of origins"),
        ("latest: 30", "an API version from 31"),
        ("latest: newest", "whole number"),
    ],
)
def test_wrong_settings_say_where(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "sfmock.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=rf"sfmock.yaml:1.*{why}"):
        resolve({}, environment={}, file=str(file))


def test_settings_of_the_environment() -> None:
    found = resolve({}, environment={"SFMOCK_CFG_CORS": f"{PAGE}, https://*.b.c", "SFMOCK_CFG_LATEST": "60.0"})
    assert (found.cors, found.latest) == ((PAGE, "https://*.b.c"), 60)
