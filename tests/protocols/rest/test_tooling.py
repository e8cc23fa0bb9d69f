"""The Tooling API over HTTP: the schema as records, envelopes, describes, and Apex that is not run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mock_server import api
from mock_server.control.client import OrgInfo
from tests.conftest import Rest

OBJECTS = {
    "Rental__c": {
        "label": "Rental",
        "fields": {
            "Code__c": {"type": "text", "length": 30, "externalId": True, "unique": True},
            "Account__c": {"type": "lookup", "referenceTo": "Account"},
            "Price__c": {"type": "currency", "precision": 18, "scale": 2},
            "Notes__c": {"type": "longtextarea", "length": 5000},
            "Kind__c": {"type": "picklist", "values": ["Day", "Week"]},
            "Days__c": {"type": "number", "precision": 4, "scale": 0},
            "Twice__c": {"type": "number", "precision": 18, "scale": 0, "formula": "Days__c * 2"},
        },
        "validationRules": {"Positive": {"condition": "Days__c < 1", "message": "Days must be positive."}},
    }
}


@pytest.fixture(scope="module")
def rental(server: api.Server) -> Iterator[OrgInfo]:
    made = server.control.create_org(objects=OBJECTS)
    yield made
    server.control.delete_org(made.id)


@pytest.fixture
def tooling(server: api.Server, rental: OrgInfo) -> Rest:
    return Rest(server.url, rental.access_token, rental)


def ask(rest: Rest, soql: str) -> list[dict[str, Any]]:
    answer = rest.get("/tooling/query", params={"q": soql})
    assert answer.status_code == 200, answer.text
    records: list[dict[str, Any]] = answer.json()["records"]
    return records


def test_the_envelope_is_the_recorded_one(tooling: Rest) -> None:
    answer = tooling.get("/tooling/query/", params={"q": "SELECT Id FROM EntityDefinition WHERE KeyPrefix = '001'"})
    assert list(answer.json()) == ["size", "totalSize", "done", "queryLocator", "entityTypeName", "records"]
    assert answer.json() == {
        "size": 1,
        "totalSize": 1,
        "done": True,
        "queryLocator": None,
        "entityTypeName": "EntityDefinition",
        "records": [
            {
                "attributes": {
                    "type": "EntityDefinition",
                    "url": "/services/data/v60.0/tooling/sobjects/EntityDefinition/Account",
                },
                "Id": "000000000000000AAA",
            }
        ],
    }


@pytest.mark.parametrize(
    "name", ["ApexClass", "ApexTrigger", "ApexLog", "TraceFlag", "DebugLevel", "InstalledSubscriberPackage", "Flow"]
)
def test_an_org_without_any_has_none(tooling: Rest, name: str) -> None:
    body = tooling.get("/tooling/query", params={"q": f"SELECT Id FROM {name}"}).json()
    assert (body["size"], body["totalSize"], body["entityTypeName"], body["records"]) == (0, 0, None, [])


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("Account.Name", "Name"),
        ("Account.AnnualRevenue", "Currency(18, 0)"),
        ("Account.Industry", "Picklist"),
        ("Account.BillingAddress", "Address"),
        ("Account.OwnerId", "Lookup(User)"),
        ("Account.ParentId", "Hierarchy"),
        ("Account.Description", "Long Text Area(32000)"),
        ("Account.Website", "URL(255)"),
        ("Account.Id", "Lookup()"),
        ("Contact.Email", "Email"),
        ("Case.CaseNumber", "Auto Number"),
        ("Task.OwnerId", "Lookup(User,Group)"),
        ("Rental__c.Code__c", "Text(30) (External ID) (Unique Case Insensitive)"),
        ("Rental__c.Account__c", "Lookup(Account)"),
        ("Rental__c.Price__c", "Currency(16, 2)"),
        ("Rental__c.Notes__c", "Long Text Area(5000)"),
        ("Rental__c.Kind__c", "Picklist"),
        ("Rental__c.Days__c", "Number(4, 0)"),
        ("Rental__c.Twice__c", "Formula (Number)"),
        ("Rental__c.Name", "Text(80)"),
    ],
)
def test_a_field_definition_has_the_type_that_setup_shows(tooling: Rest, field: str, text: str) -> None:
    sobject, name = field.split(".")
    soql = (
        "SELECT DataType FROM FieldDefinition "
        f"WHERE EntityDefinition.QualifiedApiName = '{sobject}' AND QualifiedApiName = '{name}'"
    )
    assert [one["DataType"] for one in ask(tooling, soql)] == [text]


def test_both_apis_and_every_way_to_name_an_object_find_the_same(tooling: Rest) -> None:
    (own,) = ask(tooling, "SELECT DurableId FROM EntityDefinition WHERE QualifiedApiName = 'Rental__c'")
    durable = own["DurableId"]
    assert durable.startswith("01I")
    assert len(durable) == 15
    ways = [
        "EntityDefinition.QualifiedApiName = 'Rental__c'",
        f"EntityDefinitionId = '{durable}'",
        "EntityDefinitionId = 'rental__c'",
        f"EntityDefinition.DurableId IN ('{durable}')",
    ]
    found = [
        {one["QualifiedApiName"] for one in ask(tooling, f"SELECT QualifiedApiName FROM FieldDefinition WHERE {way}")}
        for way in ways
    ]
    plain = tooling.query(f"SELECT QualifiedApiName FROM FieldDefinition WHERE {ways[0]}").json()["records"]
    assert {"Id", "Name", "OwnerId", "Code__c"} <= found[0]
    assert all(one == found[0] for one in [*found, {row["QualifiedApiName"] for row in plain}])


def test_relationships_between_parts_of_the_schema_are_followed(tooling: Rest) -> None:
    (lead,) = ask(
        tooling,
        "SELECT QualifiedApiName, (SELECT QualifiedApiName, EntityDefinition.Label FROM Fields "
        "WHERE IsNameField = true) FROM EntityDefinition WHERE QualifiedApiName = 'Lead'",
    )
    (name,) = lead["Fields"]["records"]
    assert (name["QualifiedApiName"], name["EntityDefinition"]["Label"]) == ("Name", "Lead")
    (particle,) = ask(
        tooling,
        "SELECT DataType, FieldDefinition.DataType, FieldDefinition.QualifiedApiName FROM EntityParticle "
        "WHERE EntityDefinition.QualifiedApiName = 'Account' AND QualifiedApiName = 'Name'",
    )
    assert particle["attributes"]["url"].endswith("/EntityParticle/Account.Name.TextName")
    assert particle["DataType"] == "string"
    assert particle["FieldDefinition"]["QualifiedApiName"] == "Name"
    values = ask(tooling, "SELECT Value FROM PicklistValueInfo WHERE EntityParticle.DurableId = 'Lead.Status'")
    assert "Open - Not Contacted" in [one["Value"] for one in values]
    (link,) = ask(
        tooling,
        "SELECT ChildSobject.QualifiedApiName, Field.QualifiedApiName FROM RelationshipDomain "
        "WHERE ParentSobject.QualifiedApiName = 'Account' AND RelationshipName = 'Contacts'",
    )
    assert (link["ChildSobject"]["QualifiedApiName"], link["Field"]["QualifiedApiName"]) == ("Contact", "AccountId")


def test_parts_of_compound_fields_are_particles_alone(tooling: Rest) -> None:
    fields = ask(tooling, "SELECT QualifiedApiName FROM FieldDefinition WHERE EntityDefinitionId = 'Account'")
    particles = ask(
        tooling, "SELECT QualifiedApiName, IsComponent FROM EntityParticle WHERE EntityDefinitionId = 'Account'"
    )
    names = {one["QualifiedApiName"] for one in fields}
    assert "BillingAddress" in names
    assert "BillingCity" not in names
    assert {one["QualifiedApiName"] for one in particles if one["IsComponent"]} >= {"BillingCity", "ShippingStreet"}


@pytest.mark.parametrize(
    ("soql", "code", "text"),
    [
        ("SELECT Id FROM Account", "INVALID_TYPE", "sObject type 'Account' is not supported."),
        (
            "SELECT Id FROM FieldDefinition",
            "MALFORMED_QUERY",
            "FieldDefinition: a filter on a reified column is required [EntityDefinitionId,DurableId]",
        ),
        (
            "SELECT Id FROM FieldDefinition WHERE EntityDefinitionId = 'Account' OR QualifiedApiName = 'Name'",
            "MALFORMED_QUERY",
            "a filter on a reified column is required",
        ),
        ("SELECT Wrong FROM EntityDefinition", "INVALID_FIELD", "No such column 'Wrong' on entity 'EntityDefinition'"),
        ("SELECT Id FROM EntityDefinition WHERE RecordTypesSupported = 'x'", "INVALID_FIELD", "can not be filtered"),
    ],
)
def test_what_a_query_may_not_ask(tooling: Rest, soql: str, code: str, text: str) -> None:
    answer = tooling.get("/tooling/query", params={"q": soql})
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"] == code
    assert text in answer.json()[0]["message"]


def test_objects_of_the_tooling_api_are_not_in_the_rest_api(tooling: Rest) -> None:
    assert tooling.query("SELECT Id FROM CustomObject").json()[0]["errorCode"] == "INVALID_TYPE"
    names = {one["name"] for one in tooling.get("/sobjects").json()["sobjects"]}
    assert "CustomField" not in names
    assert "EntityDefinition" in names


def test_what_the_owner_defined_is_found_by_its_own_ids(tooling: Rest) -> None:
    (made,) = ask(tooling, "SELECT Id, DeveloperName, NamespacePrefix FROM CustomObject")
    assert (made["DeveloperName"], made["NamespacePrefix"]) == ("Rental", None)
    (field,) = ask(
        tooling,
        "SELECT Id, TableEnumOrId, FullName, Metadata, EntityDefinition.QualifiedApiName FROM CustomField "
        "WHERE DeveloperName = 'Code'",
    )
    assert field["Id"].startswith("00N")
    assert field["TableEnumOrId"] == made["Id"][:15]
    assert field["FullName"] == "Rental__c.Code__c"
    assert field["Metadata"]["type"] == "Text"
    assert field["EntityDefinition"]["QualifiedApiName"] == "Rental__c"
    read = tooling.get(f"/tooling/sobjects/CustomField/{field['Id']}")
    assert read.status_code == 200
    assert read.json()["Metadata"] == field["Metadata"]
    (rule,) = ask(tooling, "SELECT ValidationName, Active, ErrorMessage FROM ValidationRule")
    assert (rule["ValidationName"], rule["Active"], rule["ErrorMessage"]) == (
        "Positive",
        True,
        "Days must be positive.",
    )


def test_a_record_is_read_by_its_durable_id(tooling: Rest) -> None:
    answer = tooling.get("/tooling/sobjects/EntityDefinition/Account", params={"fields": "QualifiedApiName,KeyPrefix"})
    assert answer.status_code == 200
    assert (answer.json()["QualifiedApiName"], answer.json()["KeyPrefix"]) == ("Account", "001")
    assert tooling.get("/tooling/sobjects/EntityDefinition/Nothing").status_code == 404


def test_describes_lead_to_the_tooling_api(tooling: Rest) -> None:
    listed = tooling.get("/tooling/sobjects").json()
    by_name = {one["name"]: one for one in listed["sobjects"]}
    assert {"ApexClass", "CustomField", "TraceFlag", "EntityDefinition"} <= by_name.keys()
    assert "Account" not in by_name
    assert by_name["CustomField"]["urls"]["describe"] == "/services/data/v60.0/tooling/sobjects/CustomField/describe"
    described = tooling.get("/tooling/sobjects/traceflag/describe").json()
    assert described["name"] == "TraceFlag"
    assert "DebugLevelId" in [one["name"] for one in described["fields"]]
    assert tooling.get("/tooling/sobjects/Account/describe").status_code == 404


def test_apex_is_said_not_to_run(tooling: Rest) -> None:
    answer = tooling.get("/tooling/executeAnonymous/", params={"anonymousBody": "System.debug('x');"})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["compiled"], body["success"]) == (False, False)
    assert "not run" in body["compileProblem"]
    assert list(body) == [
        "line", "column", "compiled", "success", "compileProblem", "exceptionStackTrace", "exceptionMessage",
    ]  # fmt: skip
    tests = tooling.post("/tooling/runTestsAsynchronous", json={"classids": "01p000000000001"})
    assert tests.status_code == 400
    assert "not run" in tests.json()[0]["message"]


def test_a_restricted_user_reads_the_schema_that_he_sees(server: api.Server, rental: OrgInfo, tooling: Rest) -> None:
    user = server.control.for_org(rental.id).create_user(
        {
            "username": "reader@rental.test",
            "objects": {"Account": ["read"]},
            "fields": {"Account": {"Industry": "none"}},
        }
    )
    own = Rest(server.url, user.access_token, rental)
    names = {one["QualifiedApiName"] for one in ask(own, "SELECT QualifiedApiName FROM EntityDefinition")}
    assert "Account" in names
    assert "Rental__c" not in names
    (account,) = ask(own, "SELECT IsEverCreatable FROM EntityDefinition WHERE QualifiedApiName = 'Account'")
    assert account["IsEverCreatable"] is False
    fields = ask(own, "SELECT QualifiedApiName FROM FieldDefinition WHERE EntityDefinitionId = 'Account'")
    assert "Industry" not in {one["QualifiedApiName"] for one in fields}
    # The other user's rows do not stay.
    whole = ask(tooling, "SELECT QualifiedApiName FROM FieldDefinition WHERE EntityDefinitionId = 'Account'")
    assert "Industry" in {one["QualifiedApiName"] for one in whole}


def test_debug_levels_and_trace_flags_are_kept(tooling: Rest) -> None:
    level = tooling.post(
        "/tooling/sobjects/DebugLevel",
        json={"DeveloperName": "Fine", "MasterLabel": "Fine", "ApexCode": "FINEST", "System": "DEBUG"},
    )
    assert level.status_code == 201, level.text
    assert list(level.json()) == ["id", "success", "errors", "warnings", "infos"]
    key = level.json()["id"]
    assert key.startswith("7dl")
    assert level.headers["Location"] == f"/services/data/v60.0/tooling/sobjects/DebugLevel/{key}"
    user = ask(tooling, "SELECT Id FROM User WHERE IsActive = true LIMIT 1")[0]["Id"]
    flag = tooling.post(
        "/tooling/sobjects/TraceFlag",
        json={"TracedEntityId": user, "DebugLevelId": key, "LogType": "USER_DEBUG"},
    )
    assert flag.status_code == 201, flag.text
    soql = "SELECT Id, LogType, DebugLevel.DeveloperName, TracedEntity.Name FROM TraceFlag"
    (kept,) = ask(tooling, soql)
    assert (kept["LogType"], kept["DebugLevel"]["DeveloperName"]) == ("USER_DEBUG", "Fine")
    path = f"/tooling/sobjects/TraceFlag/{flag.json()['id']}"
    assert tooling.patch(path, json={"LogType": "DEVELOPER_LOG"}).status_code == 204
    assert tooling.get(path).json()["LogType"] == "DEVELOPER_LOG"
    assert tooling.delete(path).status_code == 204
    assert ask(tooling, soql) == []
    assert tooling.delete(f"/tooling/sobjects/DebugLevel/{key}").status_code == 204
    assert tooling.get(f"/tooling/sobjects/DebugLevel/{key}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "DebugLevel", {"DeveloperName": "Half"}, 400, "REQUIRED_FIELD_MISSING"),
        ("POST", "DebugLevel", {"Wrong": 1}, 400, "INVALID_FIELD"),
        ("POST", "DebugLevel", {"DeveloperName": {}, "MasterLabel": "x"}, 400, "JSON_PARSER_ERROR"),
        ("POST", "TraceFlag", {"TracedEntityId": "005000000000000", "LogType": "USER_DEBUG"}, 400, "INVALID_CROSS_REFERENCE_KEY"),
        ("POST", "CustomField", {"FullName": "Account.X__c"}, 400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
        ("POST", "ApexClass", {"Name": "X", "Body": "class X {}"}, 400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
        ("PATCH", "EntityDefinition/Account", {"Label": "x"}, 404, "NOT_FOUND"),
        ("DELETE", "TraceFlag/7tf000000000000", None, 404, "INVALID_CROSS_REFERENCE_KEY"),
        ("POST", "Account", {"Name": "x"}, 404, "NOT_FOUND"),
    ],
)  # fmt: skip
def test_what_cannot_be_written(
    tooling: Rest, method: str, path: str, body: dict[str, Any] | None, status: int, code: str
) -> None:
    answer = tooling(method, f"/tooling/sobjects/{path}", json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)
    assert (
        tooling.post("/composite/sobjects", json={"records": [{"attributes": {"type": "DebugLevel"}}]}).json()[0][
            "errors"
        ][0]["statusCode"]
        == "INVALID_TYPE"
    )


def test_metadata_is_given_of_one_record_at_a_time(tooling: Rest) -> None:
    answer = tooling.get("/tooling/query", params={"q": "SELECT Id, Metadata FROM CustomField"})
    assert answer.json()[0]["errorCode"] == "MALFORMED_QUERY"
    assert "no more than one row for retrieval. Result size: 7" in answer.json()[0]["message"]


def test_what_has_no_ids_has_no_further_page(tooling: Rest) -> None:
    few = {"Sforce-Query-Options": "batchSize=200"}
    answer = tooling.get("/query", params={"q": "SELECT QualifiedApiName FROM EntityDefinition"}, headers=few)
    assert answer.json()[0]["errorCode"] == "EXCEEDED_ID_LIMIT"
    assert answer.json()[0]["message"].startswith("EntityDefinition does not support queryMore()")


@pytest.mark.parametrize("value", ["''", "null", "'\\u0000'", "'01I'", "'.'", "'Account.Name'", "'Nothing__c'"])
def test_what_names_no_object_finds_nothing(tooling: Rest, value: str) -> None:
    assert ask(tooling, f"SELECT QualifiedApiName FROM FieldDefinition WHERE EntityDefinitionId = {value}") == []


def test_the_fields_of_all_objects_are_found(tooling: Rest) -> None:
    found = ask(tooling, "SELECT QualifiedApiName, (SELECT QualifiedApiName FROM Fields LIMIT 1) FROM EntityDefinition")
    assert len(found) > 700
    assert all(one["Fields"]["records"] for one in found)


def test_its_resources_are_listed(tooling: Rest) -> None:
    listed = tooling.get("/tooling").json()
    assert listed["query"] == "/services/data/v60.0/tooling/query"
    assert {"executeAnonymous", "query", "sobjects"} <= listed.keys()


@pytest.mark.parametrize(
    ("soql", "some"),
    [
        (  # a browser extension's list of objects
            "SELECT QualifiedApiName, Label, KeyPrefix, DurableId, IsCustomSetting, RecordTypesSupported, NewUrl, "
            "IsEverCreatable FROM EntityDefinition ORDER BY QualifiedApiName ASC LIMIT 2000",
            True,
        ),
        (  # and of an object's fields
            "SELECT QualifiedApiName, Label, DataType, FieldDefinition.ReferenceTo, Length, Precision, Scale, "
            "IsAutonumber, IsCaseSensitive, IsDependentPicklist, IsIdLookup, IsUnique, InlineHelpText, "
            "FieldDefinition.DurableId, EntityDefinition.DurableId FROM EntityParticle "
            "WHERE EntityDefinition.QualifiedApiName = 'Account'",
            True,
        ),
        (  # an editor's fields of an object
            "SELECT Id, QualifiedApiName, Label, MasterLabel, DataType, ValueTypeId, ReferenceTo, ExtraTypeInfo, "
            "PublisherId, RelationshipName, LastModifiedBy.Name, LastModifiedDate, IsCompound, IsHighScaleNumber "
            "FROM FieldDefinition WHERE EntityDefinitionId = 'Rental__c'",
            True,
        ),
        (  # a permission manager
            "SELECT QualifiedApiName, Label, DataType, DurableId, EntityDefinition.QualifiedApiName, IsPermissionable "
            "FROM EntityParticle WHERE EntityDefinition.QualifiedApiName IN ('Account', 'Contact') "
            "AND IsComponent = false ORDER BY EntityDefinitionId, Label",
            True,
        ),
        (  # an editor that watches logs
            "SELECT id, logtype, startdate, expirationdate, debuglevelid, debuglevel.apexcode, "
            "debuglevel.visualforce FROM TraceFlag WHERE logtype = 'DEVELOPER_LOG'",
            False,
        ),
        (
            "SELECT Id, Application, DurationMilliseconds, Location, LogLength, LogUser.Name, Operation, Request, "
            "StartTime, Status FROM ApexLog ORDER BY StartTime DESC LIMIT 25",
            False,
        ),
        (
            "SELECT Id, Name, ApiVersion, NamespacePrefix, Body, SymbolTable FROM ApexClass "
            "WHERE ManageableState IN ('installedEditable', 'unmanaged') ORDER BY Id",
            False,
        ),
        (
            "SELECT MemberType, MemberName, MemberIdOrName, IsNameObsolete, RevisionCounter FROM SourceMember "
            "WHERE RevisionCounter > -1",
            False,
        ),
        (
            "SELECT Id, SubscriberPackageId, SubscriberPackage.NamespacePrefix, SubscriberPackageVersion.MajorVersion, "
            "SubscriberPackageVersion.IsBeta FROM InstalledSubscriberPackage ORDER BY SubscriberPackageId",
            False,
        ),
        ("SELECT PercentCovered FROM ApexOrgWideCoverage", False),
        ("SELECT Id, SandboxName, SourceId, Features FROM SandboxProcess ORDER BY CreatedDate DESC", False),
        ("SELECT Id, DeveloperName, EntityDefinition.Label FROM ValidationRule WHERE Active = true", None),
    ],
)
def test_what_tools_ask_has_an_answer(tooling: Rest, soql: str, some: bool | None) -> None:
    if some is None:
        answer = tooling.get("/tooling/query", params={"q": soql})
        assert answer.json()[0]["errorCode"] == "INVALID_FIELD"
    else:
        assert bool(ask(tooling, soql)) is some


def test_rest_clients_read_the_organization(tooling: Rest) -> None:
    versions = tooling.get("/services/data").json()
    assert versions[-1]["version"] == max((one["version"] for one in versions), key=float)
    org = tooling.get(f"/sobjects/Organization/{tooling.org.id}").json()
    assert (org["OrganizationType"], org["IsSandbox"], org["NamespacePrefix"]) == ("Developer Edition", False, None)
    assert org["InstanceName"]
    assert org["TrialExpirationDate"] is None
    plans = tooling.get("/query/", params={"explain": "SELECT Id FROM Account"}).json()["plans"]
    assert plans[0]["sobjectType"] == "Account"


def test_composite_requests_hold_tooling_queries(tooling: Rest) -> None:
    url = "/services/data/v60.0/tooling/query?q=SELECT DeveloperName FROM CustomObject"
    asked = {"compositeRequest": [{"method": "GET", "url": url, "referenceId": "found"}]}
    (one,) = tooling.post("/tooling/composite", json=asked).json()["compositeResponse"]
    assert (one["httpStatusCode"], one["body"]["records"][0]["DeveloperName"]) == (200, "Rental")
    batch = {"batchRequests": [{"method": "GET", "url": url.removeprefix("/services/data/")}]}
    (result,) = tooling.post("/tooling/composite/batch", json=batch).json()["results"]
    assert result["result"]["totalSize"] == 1


@pytest.mark.parametrize(
    ("target", "status", "answer"),
    [
        ("/tooling/completions?type=apex", 200, {"publicDeclarations": {}}),
        ("/tooling/completions", 400, "MISSING_ARGUMENT"),
        ("/tooling/completions?type=cobol", 400, "INVALID_INPUT"),
        ("/tooling/search?q=FIND {Zebra}", 200, {"searchRecords": []}),
        ("/tooling/search/?q=FIND {Rental} RETURNING ApexClass(Id, Name)", 200, {"searchRecords": []}),
        ("/tooling/search?q=FIND {Rental} RETURNING Account", 400, "INVALID_TYPE"),
        ("/tooling/search?q=Rental", 400, "MALFORMED_SEARCH"),
    ],
)
def test_completions_and_searches(tooling: Rest, target: str, status: int, answer: object) -> None:
    found = tooling.get(target)
    told = found.json() if status == 200 else found.json()[0]["errorCode"]
    assert (found.status_code, told) == (status, answer)
