"""Apex REST endpoints as people declare and write them, called over HTTP."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceResourceNotFound

from harness.org import OrgHandle
from harness.scenario import load
from harness.trial import Trial, run_trial
from mock_server import apexrest, api
from mock_server.config import resolve
from mock_server.control.client import ControlError, OrgInfo
from mock_server.documents import DocumentError, Problem, parse
from mock_server.org.apex.endpoints import Endpoint, Endpoints
from mock_server.org.errors import ApiError
from mock_server.server import App


@pytest.fixture
def handle(server: api.Server, org: OrgInfo) -> OrgHandle:
    return OrgHandle(org, server)


@pytest.fixture
def apex(server: api.Server, org: OrgInfo) -> Any:
    """Calls what lies below /services/apexrest."""
    with requests.Session() as http:
        http.trust_env = False
        http.headers["Authorization"] = f"Bearer {org.access_token}"

        def call(method: str, path: str, **options: Any) -> requests.Response:
            return http.request(method, f"{server.url}/services/apexrest{path}", **options)

        yield call


def apex_error(response: requests.Response) -> str:
    assert response.status_code == 500
    ((error),) = response.json()
    assert list(error) == ["errorCode", "message"]
    assert error["errorCode"] == "APEX_ERROR"
    return str(error["message"])


def test_a_function_answers_through_an_unmodified_client(server: api.Server, handle: OrgHandle) -> None:
    @handle.apex_rest("/accounts/{name}", "GET", "POST")
    def accounts(request: Any) -> Any:
        if request.method == "POST":
            (made,) = request.org.insert("Account", {"Name": request.path["name"], **request.json()})
            return {"id": made.id, "by": request.user_id}
        return request.org.query(f"SELECT Id, Industry FROM Account WHERE Name = '{request.path['name']}'")

    with requests.Session() as http:
        http.verify, http.trust_env = str(server.ca_bundle), False
        client = Salesforce(instance_url=server.https_url, session_id=handle.access_token, session=http)
        made = client.apexecute("accounts/Acme", method="POST", data={"Industry": "Energy"})
        assert made["by"].startswith("005")
        (found,) = client.apexecute("accounts/Acme")
        assert (found["Id"], found["Industry"]) == (made["id"], "Energy")
        with pytest.raises(SalesforceResourceNotFound) as error:
            client.apexecute("nothing/here")
        assert error.value.content == [{"errorCode": "NOT_FOUND", "message": "Could not find a match for URL"}]
    entries = [entry for entry in handle.journal() if entry["operation"].startswith("rest.apex.")]
    assert [(one["operation"], one["status"], len(one["rows"])) for one in entries] == [
        ("rest.apex.post", 200, 1), ("rest.apex.get", 200, 0), ("rest.apex.get", 404, 0),
    ]  # fmt: skip
    assert [commit.exchange for commit in handle.commits()] == [entries[0]["number"]]
    assert all(entry["limit_info"] for entry in entries)


def test_what_the_code_returns_is_the_answer(handle: OrgHandle, apex: Any) -> None:
    @handle.apex_rest("/echo/*", "GET", "PUT")
    def echo(request: Any) -> Any:
        answers = {
            "none": None,
            "text": "plain",
            "html": request.answer("<b>é</b>", headers={"Content-Type": "text/html;charset=UTF-8"}),
            "bytes": request.answer(b"\x00\x01", 201, {"X-Order": "7"}),
            "list": [1, None, {"a": "b" * 2000}],
        }
        return answers[request.path["rest"]]

    nothing = apex("GET", "/echo/none")
    assert (nothing.status_code, nothing.content, "Content-Type" in nothing.headers) == (200, b"", False)
    text = apex("GET", "/echo/text")
    assert (text.text, text.headers["Content-Type"]) == ('"plain"', "application/json;charset=UTF-8")
    assert apex("GET", "/echo/html").text == "<b>é</b>"
    raw = apex("PUT", "/echo/bytes")
    assert (raw.status_code, raw.content, raw.headers["X-Order"]) == (201, b"\x00\x01", "7")
    long = apex("GET", "/echo/list")
    assert (long.headers["Content-Encoding"], long.json()[2]["a"]) == ("gzip", "bb" * 1000)
    head = apex("HEAD", "/echo/text")
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "7", b"")
    assert apex("DELETE", "/echo/text").json() == [
        {"errorCode": "METHOD_NOT_ALLOWED", "message": "HTTP Method 'DELETE' not allowed. Allowed are GET,PUT"}
    ]


def test_code_that_raises_is_an_apex_error_and_saves_nothing(
    handle: OrgHandle, apex: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @handle.apex_rest("/orders/{what}", "POST", name="OrderService")
    def orders(request: Any) -> Any:
        request.org.insert("Account", {"Name": "x"})
        what = request.path["what"]
        if what == "broken":
            raise KeyError("Rating__c")
        if what == "exit":
            raise SystemExit(3)
        if what == "query":
            request.org.query("SELECT Nope FROM Account")
        if what == "dml":
            request.org.insert("Contact", [{"LastName": "a"}, {"Title": "b"}])
        if what == "limit":
            for _ in range(101):
                with contextlib.suppress(Exception):
                    request.org.query("SELECT Id FROM Account LIMIT 1")
        if what == "answer":
            return {1, 2}
        if what == "status":
            return request.answer({}, status=99)
        return None

    assert apex_error(apex("POST", "/orders/broken")).startswith(
        "KeyError: 'Rating__c'\n\nClass.OrderService.doPost: line "
    )
    assert "the endpoint OrderService /orders/{what} failed" in caplog.text
    assert "Traceback" in caplog.text
    assert apex_error(apex("POST", "/orders/exit")).startswith("SystemExit: 3\n\n")
    assert apex_error(apex("POST", "/orders/query")).startswith("System.QueryException: \nSELECT Nope FROM Account\n")
    assert apex_error(apex("POST", "/orders/dml")).startswith(
        "System.DmlException: Insert failed. First exception on row 1; first error: REQUIRED_FIELD_MISSING, "
        "Required fields are missing: [LastName]: [LastName]\n\nClass.OrderService.doPost: line "
    )
    assert apex_error(apex("POST", "/orders/limit")).startswith(
        "System.LimitException: Too many SOQL queries: 101\n\nClass.OrderService"
    )
    assert apex_error(apex("POST", "/orders/answer")).startswith("TypeError: Type is not JSON serializable: set")
    assert apex_error(apex("POST", "/orders/status")).startswith("TypeError: a status is a number from 200 to 599")
    assert handle.records.query("SELECT Id FROM Account") == []
    assert {row["success"] for entry in handle.journal() for row in entry["rows"]} == {False}
    unreadable = apex("POST", "/orders/fine", data="{", headers={"Content-Type": "application/json"})
    assert unreadable.status_code == 200  # code that never looks at the body has nothing against it


STEPS = """
apexrest:
  - path: /orders/{number}
    class: OrderService
    method: [GET, PUT]
    steps:
      - {query: "SELECT Id, Name FROM Account WHERE AccountNumber = {path.number}", as: found}
      - {unless: "{found}", answer: {status: 404, body: {error: "no order {path.number}"}}}
      - {if: "{body.name}", save: update, object: Account, records: {Id: "{found[0].Id}", Name: "{body.name}"}}
      - {if: "{query.explode}", raise: {exception: OrderException, message: "{found[0].Name} exploded"}}
    status: 202
    headers: {X-Order: "{path.number}"}
    body: {id: "{found[0].id}", all: "{found}", by: "{user.username}", text: "{{{query.q}}}", n: "{query.n:number}"}
"""


@pytest.fixture
def declared(handle: OrgHandle) -> OrgHandle:
    for one in parse(STEPS, "x").data["apexrest"]:
        handle.declare("apexrest", one)
    handle.records.seed("Account", [{"Name": "Acme", "AccountNumber": "it's 7"}])
    return handle


def test_declared_steps_query_save_fail_and_answer(declared: OrgHandle, apex: Any) -> None:
    missing = apex("GET", "/orders/8")
    assert (missing.status_code, missing.json()) == (404, {"error": "no order 8"})
    found = apex("GET", "/orders/it's%207?q=x&n=12.5")
    assert (found.status_code, found.headers["X-Order"]) == (202, "it's 7")
    body = found.json()
    assert body["id"] == body["all"][0]["Id"]
    assert (body["by"], body["text"], body["n"]) == (declared.username, "{x}", 12.5)
    assert apex("PUT", "/orders/it's%207?q=x", json={"name": "New"}).json()["all"][0]["Name"] == "Acme"
    assert [one["Name"] for one in declared.records.query("SELECT Name FROM Account")] == ["New"]
    text = apex_error(apex("PUT", "/orders/it's%207?explode=1", json={"name": "Lost"}))
    assert text == "OrderException: New exploded\n\nClass.OrderService.doPut: line 4, column 1"
    assert [one["Name"] for one in declared.records.query("SELECT Name FROM Account")] == ["New"]
    assert apex_error(apex("GET", "/orders/it's%207?n=much")).startswith("System.TypeException: Invalid decimal: much")


@pytest.mark.parametrize("sent", [b"{", b"[", b'"\\ud800"', b"\xff", b"[" * 5000])
def test_a_hostile_body_is_no_defect_of_the_server(declared: OrgHandle, apex: Any, sent: bytes) -> None:
    answer = apex("PUT", "/orders/it's%207", data=sent, headers={"Content-Type": "application/json"})
    assert answer.status_code in (202, 400)
    if answer.status_code == 400:
        assert answer.json()[0]["errorCode"] == "JSON_PARSER_ERROR"


@pytest.mark.parametrize("value", ["' OR Name != '", "\\' OR Id != null OR Name = \\'", "%", "\\", "'", "a\nb"])
def test_a_value_never_breaks_out_of_its_query(declared: OrgHandle, apex: Any, value: str) -> None:
    declared.declare(
        "apexrest",
        path="/find",
        steps=[
            {"query": "SELECT Id FROM Account WHERE Name = '{query.v}'", "as": "inside"},
            {"query": "SELECT Id FROM Account WHERE Name = {query.v}", "as": "outside"},
        ],
        body=["{inside}", "{outside}"],
    )
    assert apex("GET", "/find", params={"v": value}).json() == [[], []]
    declared.records.seed("Account", [{"Name": value}])
    inside, outside = apex("GET", "/find", params={"v": value}).json()
    assert len(inside) == len(outside) == 1


def test_row_faults_and_locks_meet_what_the_code_saves(handle: OrgHandle, apex: Any) -> None:
    calls = []

    @handle.apex_rest("/sync", "POST")
    def sync(request: Any) -> Any:
        calls.append(1)
        results = request.org.insert("Contact", request.json(), all_or_none=False)
        return [one.errors[0].code if one.errors else None for one in results]

    handle.faults.add(name="locks", on="rest.apex.*", records={"every": 2}, error="UNABLE_TO_LOCK_ROW")
    rows = [{"LastName": f"L{number}"} for number in range(4)]
    assert apex("POST", "/sync", json=rows).json() == [None, "UNABLE_TO_LOCK_ROW"] * 2
    assert handle.faults.fired("locks") == 1
    (entry,) = [one for one in handle.journal() if one["operation"] == "rest.apex.post"]
    assert [row["success"] for row in entry["rows"]] == [True, False, True, False]
    handle.faults.clear()
    handle.faults.add(on="rest.apex.post", status=503, when={"times": 1})
    assert apex("POST", "/sync", json=rows).status_code == 503
    handle.faults.clear()
    calls.clear()
    (account,) = handle.records.seed("Account", [{"Name": "A"}])
    handle.faults.add(on="rest.apex.post", lock="hold", lasts="200ms")
    waited = apex("POST", "/sync", json=[{"LastName": "x", "AccountId": account}])
    assert (waited.json(), len(calls)) == ([None], 2)  # it was run again from its beginning
    assert len(handle.records.query("SELECT Id FROM Contact WHERE LastName = 'x'")) == 1


def test_only_users_of_the_named_profiles_call_it_and_see_what_they_may_see(handle: OrgHandle, apex: Any) -> None:
    user = handle.user(objects={"Account": ["read"]}, fields={"Account": {"*": "none"}}, system=["ApiEnabled"])
    as_user = {"Authorization": f"Bearer {user.access_token}"}
    handle.declare("apexrest", {"path": "/closed", "class": "Closed", "profiles": "Standard User", "body": 1})
    handle.declare("apexrest", {"path": "/open", "profiles": ["minimum access"], "body": "{user.id}"})
    refused = apex("GET", "/closed", headers=as_user)
    assert (refused.status_code, refused.json()) == (
        403,
        [{"errorCode": "FORBIDDEN", "message": "You do not have access to the Apex class named: Closed"}],
    )
    assert apex("GET", "/closed").json() == 1  # an administrator may call all
    opened = apex("GET", "/open", headers=as_user)
    assert opened.status_code in (200, 403)
    step = {"query": "SELECT Industry FROM Account", "as": "found"}
    handle.declare("apexrest", path="/mine", steps=[step], body="{found}")
    handle.declare("apexrest", path="/all", mode="system", steps=[step], body="{found}")
    assert "No such column 'Industry'" in apex_error(apex("GET", "/mine", headers=as_user))
    assert apex("GET", "/all", headers=as_user).json() == []
    make = {"save": "insert", "object": "Account", "records": {"Name": "x"}}
    handle.declare("apexrest", {"path": "/mine", "method": "POST", "steps": [make]})
    handle.declare("apexrest", {"path": "/all", "method": "POST", "mode": "system", "steps": [make]})
    assert "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" in apex_error(apex("POST", "/mine", headers=as_user))
    assert apex("POST", "/all", headers=as_user).status_code == 200


def test_without_a_session_nothing_is_told(server: api.Server, declared: OrgHandle) -> None:
    for path in ("/orders/7", "/nothing", "/"):
        answer = requests.get(f"{server.url}/services/apexrest{path}", timeout=30)
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


SYNC = """
title: Contacts over Apex REST
org:
  fields: {Contact: {External_Id__c: {type: text, length: 64, externalId: true, unique: true}}}
  apexrest:
    - path: /contacts
      method: PUT
      steps:
        - {save: upsert, object: Contact, key: External_Id__c, records: "{body}", allOrNone: false, as: saved}
      body: "{saved}"
inputs:
  - {sobject: Contact, count: 20, key: External_Id__c, fields: {LastName: last_name}}
faults:
  - {name: rows, on: rest.apex.*, records: {every: 5}, error: UNABLE_TO_LOCK_ROW, when: {times: 1, per: key}}
  - {name: calls, on: rest.apex.put, status: 503, when: {times: 1}}
expect:
  delivery.nothing_lost: {}
"""


@pytest.mark.parametrize("careful", [True, False])
def test_a_scenario_judges_who_syncs_over_an_endpoint(server: api.Server, tmp_path: Path, careful: bool) -> None:
    file = tmp_path / "sync.yaml"
    file.write_text(SYNC)

    def deliver(run: Any) -> None:
        rows = list(run.inputs)
        while rows:
            answer = requests.put(
                f"{run.credentials.instance_url}/services/apexrest/contacts",
                json=[row.record for row in rows],
                headers={"Authorization": f"Bearer {run.credentials.access_token}"},
                timeout=30,
            )
            if answer.status_code == 200:
                told = zip(rows, answer.json(), strict=True)
                rows = [row for row, one in told if not one["success"]] if careful else []

    result = run_trial(load(file), deliver, server=server)
    verdicts = {one.property: str(one.status) for one in result.verdicts}
    lost = verdicts["delivery.nothing_lost"]
    assert ("held" in lost) is careful, verdicts


# -- which URL is which endpoint


def endpoint(path: str, *methods: str, namespace: str | None = None) -> Endpoint:
    return Endpoint("X", path, methods or ("GET",), lambda request: None, namespace)


@pytest.mark.parametrize(
    ("url", "path", "values"),
    [
        ("orders", "/orders/*", {"rest": ""}),
        ("orders/", "/orders/*", {"rest": ""}),
        ("orders/7", "/orders/{id}", {"id": "7"}),
        ("orders/new", "/orders/new", {}),
        ("orders/7/lines", "/orders/*", {"rest": "7/lines"}),
        ("orders/a%2Fb", "/orders/{id}", {"id": "a/b"}),
        ("acme/orders/7", "/orders/{id}", {"id": "7"}),
        ("Orders/7", None, {}),
        ("", None, {}),
    ],
)
def test_the_exact_word_goes_before_a_parameter_and_both_before_the_rest(
    url: str, path: str | None, values: dict[str, str]
) -> None:
    endpoints = Endpoints()
    for one in ("/orders/*", "/orders/{id}", "/orders/new"):
        endpoints.add(endpoint(one))
    endpoints.add(endpoint("/orders/{id}", namespace="acme"))
    if path is None:
        with pytest.raises(ApiError, match="Could not find a match for URL"):
            endpoints.find("GET", url)
        return
    found, given_values = endpoints.find("GET", url)
    assert (found.path, given_values) == (path, values)


segment = st.text(st.sampled_from("ab%/é ."), min_size=1, max_size=3)


@given(st.lists(segment, min_size=1, max_size=4))
def test_parameters_bring_back_what_was_put_into_the_url(words: list[str]) -> None:
    from urllib.parse import quote

    endpoints = Endpoints()
    endpoints.add(endpoint("/x/" + "/".join(f"{{p{number}}}" for number in range(len(words)))))
    _, found = endpoints.find("GET", "x/" + "/".join(quote(word, safe="") for word in words))
    assert list(found.values()) == words


WRONG = [
    ("[{method: GET}]", "1:2: an endpoint needs path"),
    ("[{path: orders}]", "1:9: a path begins with /"),
    ("[{path: /a*/b}]", "1:9: a path is made of segments"),
    ("[{path: /a, metod: GET}]", "1:13: an endpoint has no key 'metod'; did you mean 'method'?"),
    ("[{path: /a, method: GTE}]", "1:21: there is no method 'GTE'; did you mean 'GET'?"),
    ("[{path: /a, status: 99}]", "1:21: status must be a whole number from 200 to 599, not 99"),
    ("[{path: '/a/{name}', body: {x: '{path.nam}'}}]", "1:32: the path /a/{name} has no {nam}; did you mean 'name'?"),
    ("[{path: /a, body: '{bdy.x}'}]", "1:19: there is no bdy to take a value from; did you mean 'body'?"),
    ("[{path: /a, body: '{query.x:numbr}'}]", "1:19: there is no form numbr; did you mean 'number'?"),
    ("[{path: /a, body: '{x'}]", "1:19: a { alone; a brace of the text itself is written {{"),
    ("[{path: /a, steps: [{qery: x}]}]", "1:21: a step is one of query, save, raise and answer; did you mean 'query'?"),
    ("[{path: /a, steps: [{query: x, unles: y}]}]", "1:32: a step that is a query has no key 'unles'; did you mean 'unless'?"),
    ("[{path: /a, steps: [{save: insrt, object: A, records: {}}]}]", "1:28: save must be one of insert, update"),
    ("[{path: /a, steps: [{save: insert, records: {}}]}]", "1:21: a save needs object"),
    ("[{path: /a, steps: [{query: x, as: path}]}]", "1:36: path is something already"),
    ("[{path: /a, steps: [{query: x, as: a}], body: '{b}'}]", "1:47: there is no b to take a value from"),
    ("[x]", "1:2: an endpoint must be a mapping, not 'x'"),
    ("{path: /a}", "1:1: apexrest must be a list of endpoints"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_with_a_declaration_is_said_with_its_place(text: str, said: str) -> None:
    document = parse(text, "apexrest.yaml")
    problems: list[Problem] = []
    apexrest.read(document.data, (), problems)
    assert str(document.error(problems)).startswith(f"apexrest.yaml:{said}")


def test_the_settings_file_declares_endpoints(tmp_path: Path) -> None:
    file = tmp_path / "sfmock.yaml"
    file.write_text(f"port: 0\n{STEPS}")
    with api.start(resolve({}, environment={}, file=str(file))) as server:
        (one,) = server.control.declared("apexrest")
        assert (one["class"], one["method"], one["code"]) == ("OrderService", ["GET", "PUT"], False)
    file.write_text(STEPS.replace("object: Account", "object: Acount"))
    with pytest.raises(DocumentError) as error:
        App(resolve({}, environment={}, file=str(file)))
    assert str(error.value).startswith(f"{file}:9:51: this org has no object Acount; did you mean 'Account'?")


def test_the_control_plane_adds_lists_and_removes(server: api.Server, handle: OrgHandle) -> None:
    control = handle.control
    control.declare("apexrest", {"path": "/a", "class": "A"})
    with pytest.raises(ControlError, match="GET /a is there already, of A") as twice:
        control.declare("apexrest", {"path": "/a"})
    assert twice.value.path == "path"
    with pytest.raises(ControlError, match="this org has no object Kontact"):
        control.declare("apexrest", {"path": "/b", "steps": [{"save": "insert", "object": "Kontact", "records": []}]})
    clone = control.clone()
    assert [one["path"] for one in server.control.for_org(clone.id).declared("apexrest")] == ["/a"]
    with pytest.raises(ControlError, match="there is no B among the org's apexrest"):
        control.remove_declared("apexrest", "B")
    control.remove_declared("apexrest", "A")
    assert control.declared("apexrest") == []
    server.control.delete_org(clone.id)


def test_a_scenario_declares_endpoints(server: api.Server, tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    body = "".join(f"  {line}\n" for line in STEPS.strip().splitlines())
    file.write_text(f"title: Orders over Apex REST\norg:\n{body}")
    with Trial(server, load(file)).org() as org:
        assert [one["path"] for one in org.control.declared("apexrest")] == ["/orders/{number}"]
        org.control.reset()
        assert len(org.control.declared("apexrest")) == 1
    file.write_text(file.read_text().replace("object: Account", "object: Acount"))
    with pytest.raises(DocumentError, match=r"scenario.yaml:10:53: this org has no object Acount"):
        Trial(server, load(file)).rehearse()
    file.write_text(file.read_text().replace("status: 404", "status: no"))
    with pytest.raises(DocumentError, match=r"scenario.yaml:9:\d+: status must be a whole number"):
        load(file)
