"""`/composite`: requests in one call, the later ones using what the earlier ones answered."""

from __future__ import annotations

from typing import Any

import pytest

from mock_server import api
from tests.conftest import Rest, simple_salesforce
from tests.protocols.rest.composites import HALTED, codes, composite, count, statuses, sub


def test_later_requests_use_the_answers_of_earlier_ones(rest: Rest) -> None:
    answers = composite(
        rest,
        sub("POST", "/sobjects/Account", "account", {"Name": "Acme", "NumberOfEmployees": 5, "BillingCity": "Paris"}),
        sub("POST", "/sobjects/Contact", "contact", {"LastName": "of @{account.id}.", "AccountId": "@{account.id}"}),
        sub("GET", "/query?q=SELECT Id, Account.Name, LastName FROM Contact WHERE Id = '@{contact.id}'", "found"),
        sub("GET", "/sobjects/Account/@{account.id}", "read"),
        sub("POST", "/sobjects/Account", "copy", {
            "Name": "@{found.records[0].Account.Name} of @{read.BillingAddress.city}",
            "NumberOfEmployees": "@{read.NumberOfEmployees}",
        }),
        sub("PATCH", "/sobjects/Contact/@{found.records[0].Id}", "moved", {"AccountId": "@{copy.id}"}),
        sub("GET", "/sobjects/Contact/@{contact.id}?fields=AccountId,LastName", "end"),
        sub("GET", "/sobjects/Account/@{copy.id}?fields=Name,NumberOfEmployees", "made"),
    )  # fmt: skip
    assert statuses(answers) == [201, 201, 200, 200, 201, 204, 200, 200]
    assert [list(answer) for answer in answers] == [["body", "httpHeaders", "httpStatusCode", "referenceId"]] * 8
    account, contact, _, _, copy, moved, end, made = answers
    assert account["body"] == {"id": account["body"]["id"], "success": True, "errors": []}
    assert account["httpHeaders"] == {"Location": f"/services/data/v60.0/sobjects/Account/{account['body']['id']}"}
    assert moved == {"body": None, "httpHeaders": {}, "httpStatusCode": 204, "referenceId": "moved"}
    assert end["body"]["AccountId"] == copy["body"]["id"]
    assert end["body"]["LastName"] == f"of {account['body']['id']}."
    assert (made["body"]["Name"], made["body"]["NumberOfEmployees"]) == ("Acme of Paris", 5)
    assert contact["referenceId"] == "contact"


def test_simple_salesforce_sends_one_through_restful(rest: Rest, server: api.Server) -> None:
    answer = simple_salesforce(rest, server).restful(
        "composite",
        method="POST",
        json={"compositeRequest": [sub("POST", "/sobjects/Account", "a", {"Name": "Acme"})], "allOrNone": True},
    )
    assert answer is not None and answer["compositeResponse"][0]["httpStatusCode"] == 201


@pytest.mark.parametrize(
    ("reference", "head"),
    [
        ("found.records[1].Id", "found"),
        ("found.records[0].id", "found"),
        ("found.records.Id", "found"),
        ("found.records[0]", "found"),
        ("found.records", "found"),
        ("found", "found"),
        ("found[0]", "found"),
        ("found..records", "found"),
        ("found.records[0", "found"),
        ("found.records[99999999999999999999].Id", "found"),
        ("later.id", "later"),
        ("itself.id", "itself"),
        ("nobody.id", "nobody"),
        ("", ""),
        (".id", ""),
        ("Found.totalSize", "Found"),
    ],
)
def test_a_reference_without_a_value_halts_its_request_alone(rest: Rest, reference: str, head: str) -> None:
    answers = composite(
        rest,
        sub("POST", "/sobjects/Account", "account", {"Name": "Acme"}),
        sub("GET", "/query?q=SELECT Id FROM Account", "found"),
        sub("POST", "/sobjects/Account", "itself", {"Name": f"@{{{reference}}}"}),
        sub("GET", f"/sobjects/Account/@{{{reference}}}", "in_url"),
        sub("GET", "/limits", "in_header", httpHeaders={"Sforce-Call-Options": f"client=@{{{reference}}}"}),
        sub("POST", "/sobjects/Account", "later", {"Name": "Bolts"}),
    )
    halted = {
        "errorCode": "PROCESSING_HALTED",
        "message": f"Invalid reference specified. No value for {reference} found in {head}",
    }
    assert statuses(answers) == [201, 200, 400, 400, 400, 201]
    assert [answer["body"] for answer in answers[2:5]] == [[halted]] * 3


def test_a_request_that_uses_one_that_failed_is_halted(rest: Rest) -> None:
    answers = composite(
        rest,
        sub("POST", "/sobjects/Account", "account", {"Nope": 1}),
        sub("POST", "/sobjects/Contact", "contact", {"LastName": "X", "AccountId": "@{account.id}"}),
        sub("POST", "/sobjects/Contact", "other", {"LastName": "Y"}),
    )
    assert codes(answers) == ["INVALID_FIELD", "PROCESSING_HALTED", None]
    assert answers[1]["body"][0]["message"] == "Invalid reference specified. No value for account.id found in account"


@pytest.mark.parametrize(("version", "status"), [("51.0", 400), ("52.0", 201)])
def test_an_empty_field_of_a_record_is_null_from_version_52(rest: Rest, version: str, status: int) -> None:
    made = rest.post("/sobjects/Account", json={"Name": "Acme"}).json()["id"]
    rest.version = version
    answers = composite(
        rest,
        sub("GET", f"/sobjects/Account/{made}?fields=Site,Name", "account"),
        sub("POST", "/sobjects/Account", "copy", {"Name": "@{account.Name}@{account.Site}", "Site": "@{account.Site}"}),
    )
    assert statuses(answers) == [200, status]


def test_a_value_with_odd_signs_stays_one_value_in_a_url(rest: Rest) -> None:
    name = "100% R&D + #1? é"
    answers = composite(
        rest,
        sub("POST", "/sobjects/Account", "account", {"Name": name}),
        sub("GET", "/sobjects/Account/@{account.id}?fields=Name", "read"),
        sub("GET", "/query?q=SELECT Id FROM Account WHERE Name = '@{read.Name}'", "found"),
    )
    assert answers[2]["body"]["totalSize"] == 1


def test_all_or_none_undoes_everything_and_says_who_failed(rest: Rest) -> None:
    answers = composite(
        rest,
        sub("POST", "/sobjects/Account", "first", {"Name": "Acme"}),
        sub("GET", "/query?q=SELECT Id FROM Account", "seen"),
        sub("POST", "/sobjects/Contact", "bad", {"Nope": 1}),
        sub("POST", "/sobjects/Account", "after", {"Name": "Bolts"}),
        allOrNone=True,
    )
    assert statuses(answers) == [400, 400, 400, 400]
    assert [answer["body"] for answer in answers] == [
        [HALTED],
        [HALTED],
        [{"message": "No such column 'Nope' on sobject of type Contact", "errorCode": "INVALID_FIELD"}],
        [HALTED],
    ]
    assert count(rest, "Account") == 0


def test_all_or_none_sees_its_own_work_and_keeps_it(rest: Rest) -> None:
    answers = composite(
        rest,
        sub("POST", "/sobjects/Account", "first", {"Name": "Acme"}),
        sub("GET", "/query?q=SELECT Id FROM Account", "seen"),
        sub("GET", "/search?q=FIND {Acme} RETURNING Account", "searched"),
        sub("GET", "/limits", "limits"),
        sub("GET", "/sobjects/Account/describe", "described"),
        allOrNone=True,
    )
    assert statuses(answers) == [201, 200, 200, 200, 200]
    assert answers[1]["body"]["totalSize"] == 1
    assert len(answers[2]["body"]["searchRecords"]) == 1
    assert count(rest, "Account") == 1


def collection(*records: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"records": [{"attributes": {"type": "Account"}, **record} for record in records], **more}


@pytest.mark.parametrize(
    ("outer", "inner", "accounts", "contacts"),
    [(False, False, 1, 1), (False, True, 0, 1), (True, True, 0, 0), (True, False, 0, 0)],
)
def test_both_kinds_of_all_or_none_work_together(
    rest: Rest, outer: bool, inner: bool, accounts: int, contacts: int
) -> None:
    body = collection({"Name": "Acme"}, {"Nope": 1}, allOrNone=inner)
    rows, contact = composite(
        rest,
        sub("POST", "/composite/sobjects", "collection1", body),
        sub("POST", "/sobjects/Contact", "newContact", {"LastName": "Smith"}),
        allOrNone=outer,
    )
    # Documented: the rows tell what became of them before the rest was rolled back.
    assert rows["httpStatusCode"] == 200
    assert [row["success"] for row in rows["body"]] == [not inner, False]
    assert contact["httpStatusCode"] == (400 if outer else 201)
    assert (contact["body"] == [HALTED]) == outer
    assert (count(rest, "Account"), count(rest, "Contact")) == (accounts, contacts)


def test_collections_are_referred_to_by_place(rest: Rest) -> None:
    answers = composite(
        rest,
        sub("POST", "/composite/sobjects", "made", collection({"Name": "A"}, {"Name": "B"})),
        sub("GET", "/composite/sobjects/Account?ids=@{made[1].id},@{made[0].id}&fields=Name", "read"),
    )
    assert [row["Name"] for row in answers[1]["body"]] == ["B", "A"]


def test_conditions_are_asked_of_the_request_that_names_them(rest: Rest) -> None:
    late = {"If-Modified-Since": "Tue, 31 May 2050 18:00:00 GMT"}
    same, whole = composite(
        rest,
        sub("GET", "/sobjects/Account/describe", "same", httpHeaders=late),
        sub("GET", "/sobjects/Account/describe", "whole"),
    )
    assert (same["httpStatusCode"], same["body"]) == (304, None)
    assert set(same["httpHeaders"]) == {"ETag", "Last-Modified"}
    assert whole["httpStatusCode"] == 200 and whole["body"]["name"] == "Account"


@pytest.mark.parametrize("name", ["Accept", "authorization", "Content-Type"])
def test_inherited_headers_cannot_be_given(rest: Rest, name: str) -> None:
    body = {"compositeRequest": [sub("GET", "/limits", "a", httpHeaders={name: "x"})]}
    answer = rest.post("/composite", json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_INPUT")


def test_a_header_applies_to_its_own_request(rest: Rest) -> None:
    for number in range(2):
        rest.post("/composite/sobjects", json=collection(*({"Name": f"{number}-{n}"} for n in range(150))))
    small, whole = composite(
        rest,
        sub("GET", "/query?q=SELECT Id FROM Account", "small", httpHeaders={"Sforce-Query-Options": "batchSize=200"}),
        sub("GET", "/query?q=SELECT Id FROM Account", "whole"),
    )
    assert [len(one["body"]["records"]) for one in (small, whole)] == [200, 300]
    (more,) = composite(rest, sub("GET", small["body"]["nextRecordsUrl"], "more"))
    assert len(more["body"]["records"]) == 100


def test_more_than_25_requests_are_refused_as_recorded(rest: Rest) -> None:
    answers = composite(rest, *(sub("POST", "/sobjects/Account", f"a{n}", {"Name": "A"}) for n in range(26)))
    message = "The request can\u2019t contain more than 25 operations."
    assert answers == [
        {
            "body": [{"errorCode": "LIMIT_EXCEEDED", "message": message}],
            "httpHeaders": {},
            "httpStatusCode": 400,
            "referenceId": None,
        }
    ]
    assert count(rest, "Account") == 0


def test_no_more_than_five_of_them_may_query_or_hold_collections(rest: Rest) -> None:
    queries = [sub("GET", "/query?q=SELECT Id FROM Account", f"q{n}") for n in range(3)]
    others = [sub("GET", "/queryAll/?q=SELECT Id FROM Account", "all")]
    rows = sub("POST", "/composite/sobjects", "rows", collection({"Name": "A"}))
    assert statuses(composite(rest, *queries, *others, rows)) == [200] * 5
    assert codes(composite(rest, *queries, *others, rows, {**rows, "referenceId": "more"})) == ["LIMIT_EXCEEDED"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "JSON_PARSER_ERROR"),
        ({}, "INVALID_INPUT"),
        ({"compositeRequest": []}, "INVALID_INPUT"),
        ({"compositeRequest": {}}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [1]}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [{}]}, "INVALID_INPUT"),
        ({"compositeRequest": [sub("GET", "/limits", "a")], "allOrNone": "yes"}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [sub("GET", "/limits", "a")], "collateSubrequests": 1}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [sub("GET", "/limits", "a")], "haltOnError": True}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [sub("get", "/limits", "a")]}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [sub("HEAD", "/limits", "a")]}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [sub("GET", "/limits", "a", richInput={})]}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [sub("GET", "/limits", "a", httpHeaders=[])]}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [sub("GET", "/limits", "a", httpHeaders={"X": 1})]}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [sub("GET", "/limits", "a"), sub("GET", "/limits", "a")]}, "INVALID_INPUT"),
        ({"compositeRequest": [{"method": "GET", "url": "/services/data/v60.0/limits"}]}, "INVALID_INPUT"),
        ({"compositeRequest": [{"method": "GET", "referenceId": "a"}]}, "INVALID_INPUT"),
        ({"compositeRequest": [{"url": "/services/data/v60.0/limits", "referenceId": "a"}]}, "INVALID_INPUT"),
        ({"compositeRequest": [sub("GET", "/limits", "a") | {"url": 5}]}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [sub("GET", "/limits", "a") | {"referenceId": 5}]}, "JSON_PARSER_ERROR"),
    ],
)
def test_bodies_of_a_wrong_shape_are_refused(rest: Rest, body: Any, code: str) -> None:
    answer = rest.post("/composite", json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code), answer.text


@pytest.mark.parametrize("reference", ["new-account", "_a", "", "a b", "account[1]", "ä"])
def test_odd_reference_ids_fail_the_request_from_version_52(rest: Rest, reference: str) -> None:
    body = {"compositeRequest": [sub("POST", "/sobjects/Account", reference, {"Name": "A"})]}
    answer = rest.post("/composite", json=body)
    assert answer.status_code == 400
    assert answer.json() == [
        {
            "message": f"Provided referenceId ('{reference}') must start with a letter or a number, and it can contain "
            "only letters, numbers and underscores ('_').",
            "errorCode": "JSON_PARSER_ERROR",
        }
    ]
    rest.version = "51.0"
    assert rest.post("/composite", json=body).json()["compositeResponse"][0]["referenceId"] == reference


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("POST", "/composite", 400),
        ("POST", "/composite/batch", 400),
        ("POST", "/composite/tree/Account", 400),
        ("POST", "/composite/graph", 400),
        ("GET", "/composite", 400),
        ("GET", "/sobjects/Attachment/00PKd0000000001AAA/Body", 400),
        ("GET", "/nope", 404),
        ("GET", "/sobjects/Nope/describe", 404),
        ("PUT", "/sobjects/Account", 405),
        ("GET", "/../../../etc/passwd", 404),
        ("GET", "/sobjects/Account/%2e%2e/x", 404),
        ("GET", "/services/data", 404),
        ("GET", "/services/data/v99.0/limits", 404),
        ("GET", "/services/data/v20.0/limits", 410),
        ("GET", "/services/oauth2/userinfo", 404),
        ("POST", "/services/Soap/u/60.0", 404),
        ("GET", "/_mock/health", 404),
        ("GET", "http://127.0.0.1/services/data/v60.0/limits", 404),
        ("GET", "https://login.salesforce.com/services/data/v60.0/limits", 404),
        ("GET", "//evil.example/services/data/v60.0/limits", 404),
        ("GET", "/sobjects/Account/\u2603", 404),
        ("GET", "/limits?\x00", 200),
        ("GET", "", 200),
        ("GET", "@{a.b}", 400),
    ],
)
def test_what_a_request_inside_cannot_be_is_told_in_its_place(rest: Rest, method: str, url: str, status: int) -> None:
    for all_or_none in (False, True):
        subrequest = sub(method, url, "a")
        if url.startswith(("//", "/_mock")):
            subrequest["url"] = url
        assert statuses(composite(rest, subrequest, allOrNone=all_or_none)) == [status]


def test_versions_may_differ_and_each_has_its_own_rules(rest: Rest) -> None:
    key = "/sobjects/Contact/External_Id__c/K"
    answers = composite(
        rest,
        sub("PATCH", f"/services/data/v40.0{key}", "old", {"LastName": "A"}),
        sub("PATCH", f"/services/data/v45.0{key}", "older", {"LastName": "B"}),
        sub("PATCH", f"/services/data/v60.0{key}", "new", {"LastName": "C"}),
        sub("POST", "/services/data/v41.0/composite/sobjects", "early", collection({"Name": "A"})),
    )
    assert statuses(answers) == [201, 204, 200, 404]
    assert ["created" in (answer["body"] or {}) for answer in answers[:3]] == [False, False, True]


@pytest.mark.parametrize(
    ("path", "since"),
    [("/composite", "38.0"), ("/composite/batch", "34.0"), ("/composite/tree/Account", "34.0"), ("/composite/graph", "50.0")],
)  # fmt: skip
def test_each_resource_appears_in_its_version(rest: Rest, path: str, since: str) -> None:
    rest.version = since
    assert rest.post(path, json={}).status_code == 400
    rest.version = f"{float(since) - 1}"
    assert rest.post(path, json={}).status_code == 404


def test_the_resources_are_listed(rest: Rest) -> None:
    root = "/services/data/v60.0/composite"
    assert rest.get("/composite").json() == {
        "tree": f"{root}/tree", "batch": f"{root}/batch", "sobjects": f"{root}/sobjects", "graph": f"{root}/graph",
    }  # fmt: skip
    rest.version = "41.0"
    assert set(rest.get("/composite").json()) == {"tree", "batch"}


def test_one_call_counts_once(rest: Rest) -> None:
    used = [rest.get("/limits").json()["DailyApiRequests"]["Remaining"]]
    composite(rest, *(sub("POST", "/sobjects/Account", f"a{n}", {"Name": "A"}) for n in range(5)))
    used.append(rest.get("/limits").json()["DailyApiRequests"]["Remaining"])
    assert used[0] - used[1] == 2


@pytest.mark.parametrize("levels", [150, 190, 260, 900, 1100, 50_000])
def test_deep_bodies_are_an_answer_not_a_failure(server: api.Server, rest: Rest, levels: int) -> None:
    deep = '{"a":' * levels + "1" + "}" * levels
    head = '{"method":"POST","url":"/services/data/v60.0/sobjects/Contact","referenceId":"a","body":'
    body = "".join(('{"compositeRequest":[', head, deep, "}]}"))
    answer = rest.post("/composite", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 400)
    assert count(rest, "Contact") == 0
    assert server.control.for_org(rest.org.id).journal()[0]["operation"] == "rest.composite.run"


def test_great_numbers_of_requests_and_long_references_are_refused_quickly(rest: Rest) -> None:
    many = [sub("GET", "/limits", f"a{n}") for n in range(10_000)]
    assert codes(composite(rest, *many)) == ["LIMIT_EXCEEDED"]
    long = "@{" + "a" * 1_000_000 + "}" + "@{a" * 10_000
    (answer,) = composite(rest, sub("POST", "/sobjects/Account", "a", {"Name": long}))
    assert answer["httpStatusCode"] == 400 and len(answer["body"][0]["message"]) < 3000


def test_numbers_beyond_all_bounds_reach_the_request_inside(rest: Rest) -> None:
    body = (
        '{"compositeRequest":[{"method":"POST","url":"/services/data/v60.0/sobjects/Account","referenceId":"a",'
        '"body":{"Name":"A","NumberOfEmployees":123456789012345678901234567890}}]}'
    )
    answer = rest.post("/composite", data=body, headers={"Content-Type": "application/json"})
    assert statuses(answer.json()["compositeResponse"]) == [400]
