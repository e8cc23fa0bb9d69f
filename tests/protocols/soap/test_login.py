"""SOAP login and logout, as clients post them and read them."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.operations import Reply
from tests.protocols.desk import Desk

XSI = "http://www.w3.org/2001/XMLSchema-instance"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
USER, PASSWORD = "integration@sfmock.test", "sfmock-password"


def envelope(operation: str, api: str = "partner", header: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8" ?><env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" '
        f'xmlns:urn="urn:{api}.soap.sforce.com">{header}<env:Body>{operation}</env:Body></env:Envelope>'
    ).encode()


def login(username: str = USER, password: str = PASSWORD, api: str = "partner", header: str = "") -> bytes:
    fields = f"<urn:username>{username}</urn:username><urn:password>{password}</urn:password>"
    return envelope(f"<urn:login>{fields}</urn:login>", api, header)


def send(desk: Desk, body: bytes, path: str = "/services/Soap/u/59.0", base: str | None = None) -> Reply:
    headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": "login"}
    return desk.send("POST", path, body, headers, base)


def result_of(reply: Reply, api: str = "partner") -> ElementTree.Element:
    assert reply.status == 200, reply.body
    root = ElementTree.fromstring(reply.body)
    (body,) = root
    assert body.tag == f"{SOAP}Body"
    found = body.find(f"{{urn:{api}.soap.sforce.com}}loginResponse/{{urn:{api}.soap.sforce.com}}result")
    assert found is not None
    return found


def names(element: ElementTree.Element) -> list[str]:
    return [child.tag.rpartition("}")[2] for child in element]


def fault_of(reply: Reply) -> tuple[str, str]:
    """Return the fault's code and text."""
    assert reply.status == 500
    assert reply.content_type == "text/xml;charset=UTF-8"
    assert b"\n" not in reply.body
    root = ElementTree.fromstring(reply.body)
    code, text = root.find(".//faultcode"), root.find(".//faultstring")
    assert code is not None
    assert text is not None
    return code.text or "", text.text or ""


def test_the_answer_has_the_recorded_order(desk: Desk) -> None:
    result = result_of(send(desk, login()))
    assert names(result) == [
        "metadataServerUrl", "passwordExpired", "sandbox", "serverUrl", "sessionId", "userId", "userInfo",
    ]  # fmt: skip
    assert names(result[6]) == [
        "accessibilityMode", "chatterExternal", "currencySymbol", "orgAttachmentFileSizeLimit",
        "orgDefaultCurrencyIsoCode", "orgDefaultCurrencyLocale", "orgDisallowHtmlAttachments", "orgHasPersonAccounts",
        "organizationId", "organizationMultiCurrency", "organizationName", "profileId", "roleId",
        "sessionSecondsValid", "userDefaultCurrencyIsoCode", "userEmail", "userFullName", "userId", "userLanguage",
        "userLocale", "userName", "userTimeZone", "userType", "userUiSkin",
    ]  # fmt: skip
    assert result[6][12].attrib == result[6][14].attrib == {f"{{{XSI}}}nil": "true"}
    texts = {name: child.text for name, child in zip(names(result[6]), result[6], strict=True)}
    assert texts["organizationId"] == desk.org.id
    assert texts["userFullName"] == "Integration User"
    assert (texts["sessionSecondsValid"], texts["userUiSkin"]) == ("7200", "Theme3")


def test_clients_that_read_by_position_find_their_values(desk: Desk) -> None:
    # pysfpubsub: Envelope, Body, loginResponse, result, then the children by number.
    result = ElementTree.fromstring(send(desk, login(), "/services/Soap/u/55.0/").body)[0][0][0]
    token = result[4].text or ""
    assert result[3].text == f"http://127.0.0.1:8080/services/Soap/u/55.0/{desk.org.id[:15]}"
    assert desk.org.sessions.find(token) is not None
    assert result[6][8].text == desk.org.id


def test_clients_that_look_for_plain_names_find_them(desk: Desk) -> None:
    text = send(desk, login()).body.decode()
    assert re.search(r"<sessionId>00D\w{12}![\w.]{96}</sessionId>", text)
    assert "<serverUrl>http://127.0.0.1:8080/services/Soap/u/59.0/" in text
    assert f"<metadataServerUrl>http://127.0.0.1:8080/services/Soap/m/59.0/{desk.org.id[:15]}<" in text


def test_the_enterprise_api_has_its_own_names(desk: Desk) -> None:
    result = result_of(send(desk, login(api="enterprise"), "/services/Soap/c/60.0/0DFxx0000000001"), "enterprise")
    assert (result[3].text or "").endswith(f"/services/Soap/c/60.0/{desk.org.id[:15]}")
    refused = send(desk, login(password="x", api="enterprise"), "/services/Soap/c/60.0")
    assert b'xmlns:sf="urn:fault.enterprise.soap.sforce.com"' in refused.body


@pytest.mark.parametrize(
    "password", [PASSWORD, "sfmock-passwordsfmock-token", f"<![CDATA[{PASSWORD}]]>", "<![CDATA[sfmock-]]>password"]
)
def test_these_passwords_are_right(desk: Desk, password: str) -> None:
    assert send(desk, login(password=password)).status == 200


def test_the_login_host_leads_to_the_my_domain(desk: Desk) -> None:
    result = result_of(send(desk, login(), base="https://login.salesforce.com"))
    assert (result[3].text or "").startswith("https://sfmock.my.salesforce.com/services/Soap/u/59.0/")


@pytest.mark.parametrize(
    ("base", "sandbox"),
    [
        ("http://127.0.0.1:8080", "false"),
        ("https://login.salesforce.com", "false"),
        ("https://test.salesforce.com", "true"),
        ("https://sfmock--dev.sandbox.my.salesforce.com", "true"),
    ],
)
def test_a_login_at_a_host_of_sandboxes_is_one_of_a_sandbox(desk: Desk, base: str, sandbox: str) -> None:
    assert result_of(send(desk, login(), base=base))[2].text == sandbox


def test_the_organization_record_says_whether_it_is_a_sandbox(desk: Desk) -> None:
    desk.org.store.connection.execute('UPDATE "Organization" SET "IsSandbox" = 1')
    assert result_of(send(desk, login()))[2].text == "true"


def test_a_hostile_host_header_stays_text(desk: Desk) -> None:
    result = result_of(send(desk, login(), base="http://a<b>&amp;c"))
    assert (result[3].text or "").startswith("http://a<b>&amp;c/services/Soap/")


def test_the_user_name_finds_the_org(desk: Desk) -> None:
    user = desk.other.directory.default_user
    result = result_of(send(desk, login(user.username)))
    assert (result[4].text or "").startswith(desk.other.id[:15])
    assert desk.last(desk.other).operation == "soap.login"
    assert desk.last(desk.other).user == user.username


INVALID = "Invalid username, password, security token; or user locked out."


@pytest.mark.parametrize(
    ("username", "password"), [(USER, "wrong"), (USER, ""), ("nobody", PASSWORD), ("", ""), (USER, "sfmock-token")]
)
def test_a_refusal_is_written_as_recorded(desk: Desk, username: str, password: str) -> None:
    reply = send(desk, login(username, password))
    assert fault_of(reply) == ("INVALID_LOGIN", f"INVALID_LOGIN: {INVALID}")
    text = reply.body.decode()
    assert 'xmlns:sf="urn:fault.partner.soap.sforce.com"' in text
    assert '<sf:LoginFault xsi:type="sf:LoginFault">' in text
    assert "<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>" in text
    assert f"<sf:exceptionMessage>{INVALID}</sf:exceptionMessage>" in text
    assert desk.last().codes == ("INVALID_LOGIN",)
    assert desk.last().fingerprint is None


def test_the_login_rate_looks_like_any_refusal(desk: Desk) -> None:
    for _ in range(3_600):
        desk.org.admission.count_login(desk.org.directory.default_user)
    assert fault_of(send(desk, login()))[0] == "INVALID_LOGIN"


def scope(organization: str) -> str:
    return (
        "<env:Header><urn:CallOptions><urn:client>x</urn:client></urn:CallOptions><urn:LoginScopeHeader>"
        f"<urn:organizationId>{organization}</urn:organizationId></urn:LoginScopeHeader></env:Header>"
    )


def test_a_login_may_name_its_organization(desk: Desk) -> None:
    assert send(desk, login(header=scope(desk.org.id))).status == 200
    assert send(desk, login(header=scope(desk.org.id[:15]))).status == 200
    assert fault_of(send(desk, login(header=scope(desk.other.id))))[0] == "INVALID_LOGIN"
    assert fault_of(send(desk, login(header=scope("\N{SNOWMAN}"))))[0] == "INVALID_LOGIN"


@pytest.mark.parametrize("version", ["31.0", "64.0"])
def test_versions_with_a_login(desk: Desk, version: str) -> None:
    assert send(desk, login(), f"/services/Soap/u/{version}").status == 200


@pytest.mark.parametrize("version", ["65.0", "68.0"])
def test_versions_without_a_login_say_so(desk: Desk, version: str) -> None:
    text = (
        f"INVALID_OPERATION: The SOAP Login operation is not available in the API version specified ({version}). Refer "
        "to the documentation for supported versions."
    )
    assert fault_of(send(desk, login(), f"/services/Soap/u/{version}")) == ("sf:INVALID_OPERATION", text)


@pytest.mark.parametrize("version", ["30.0", "69.0", "v60.0", "60", "0", "x", "%00", "\N{SNOWMAN}", "9" * 400 + ".0"])
def test_versions_that_are_none(desk: Desk, version: str) -> None:
    code, text = fault_of(send(desk, login(), f"/services/Soap/u/{version}"))
    assert code == "sf:UNSUPPORTED_API_VERSION"
    assert text == "UNSUPPORTED_API_VERSION: Invalid Api version specified on URL"


def session_header(token: str) -> str:
    return f"<env:Header><urn:SessionHeader><urn:sessionId>{token}</urn:sessionId></urn:SessionHeader></env:Header>"


def test_logout_ends_the_session_of_its_header(desk: Desk) -> None:
    token, kept = desk.session(desk.other), desk.session(desk.other)
    reply = send(desk, envelope("<urn:logout/>", header=session_header(token)), "/services/Soap/u/60.0/00Dxx")
    assert reply.status == 200
    assert b"<logoutResponse/>" in reply.body
    assert desk.other.sessions.find(token) is None
    assert desk.other.sessions.find(kept) is not None
    assert desk.last(desk.other).operation == "soap.logout"
    assert token not in str(desk.last(desk.other).as_json())


@pytest.mark.parametrize("header", ["", session_header("nonsense"), session_header(""), session_header("00D!")])
def test_logout_needs_a_live_session(desk: Desk, header: str) -> None:
    reply = send(desk, envelope("<urn:logout/>", header=header))
    illegal = "INVALID_SESSION_ID: Invalid Session ID found in SessionHeader: Illegal Session"
    assert fault_of(reply) == ("sf:INVALID_SESSION_ID", illegal)
    assert b"<sf:UnexpectedErrorFault" in reply.body


def test_logout_works_in_versions_without_login(desk: Desk) -> None:
    reply = send(desk, envelope("<urn:logout/>", header=session_header(desk.session())), "/services/Soap/u/66.0")
    assert reply.status == 200


def test_other_operations_are_refused_and_marked(desk: Desk) -> None:
    query = "<urn:query><urn:queryString>SELECT Id FROM Account</urn:queryString></urn:query>"
    body = envelope(query, header=session_header(desk.session(desk.other)))
    text = "No operation available for request {urn:partner.soap.sforce.com}query"
    assert fault_of(send(desk, body)) == ("soapenv:Client", text)
    entry = desk.last(desk.other)
    assert (entry.operation, entry.unimplemented) == ("soap.unknown", True)


def test_an_operation_of_the_other_api_is_unknown_here(desk: Desk) -> None:
    code, text = fault_of(send(desk, login(api="enterprise")))
    assert (code, text) == (
        "soapenv:Client",
        "No operation available for request {urn:enterprise.soap.sforce.com}login",
    )


def test_only_the_body_decides_what_is_meant(desk: Desk) -> None:
    header = "<env:Header><urn:logout><urn:login>x</urn:login></urn:logout></env:Header><!-- <urn:logout/> -->"
    assert send(desk, login(header=header)).status == 200


BROKEN = [
    b"",
    b"login",
    b"{}",
    b"<login/>",
    b"\x00" * 100,
    login()[:-5],
    login() + b"<more/>",
    login().replace(b"</urn:login>", b"</urn:logon>"),
    b'<!DOCTYPE x [<!ENTITY a "b">]>' + envelope("<urn:login><urn:username>&a;</urn:username></urn:login>")[39:],
    b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
    envelope("<urn:login><urn:username>&undefined;</urn:username></urn:login>"),
    login().replace(b"utf-8", b"no-such-code"),
    login().replace(b"utf-8", b"utf-32"),
    login().replace(USER.encode(), b"\xff\xfe"),
    envelope(""),
    envelope("text"),
    b'<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Body><login/></Body></Envelope>',
    login(password="x" * 10_000_000),
    b"<a>" * 2_000_000,
    envelope("<urn:login>" + "<a>" * 10_000 + "</a>" * 10_000 + "</urn:login>")[:-3],
    b" " * 10_000_000,
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_soap_is_a_client_fault(desk: Desk, body: bytes) -> None:
    code, _ = fault_of(send(desk, body))
    assert code == "soapenv:Client"


def test_deep_nesting_is_no_matter(desk: Desk) -> None:
    depth = 5_000
    nested = (
        f"<urn:username>{USER}</urn:username><urn:password>{PASSWORD}</urn:password>" + "<a>" * depth + "</a>" * depth
    )
    assert send(desk, envelope(f"<urn:login>{nested}</urn:login>")).status == 200


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings_that_say_what_they_are(desk: Desk, encoding: str) -> None:
    body = login().decode().replace("utf-8", encoding).encode(encoding)
    assert send(desk, body).status == 200


@pytest.mark.parametrize("path", ["/services/Soap/u/60.0", "/services/Soap/c/60.0/00Dxx", "/services/Soap/u/x"])
def test_get_is_refused_in_html(desk: Desk, path: str) -> None:
    reply = desk.get(path)
    assert (reply.status, reply.content_type) == (405, "text/html;charset=UTF-8")
    assert b"Only POST allowed" in reply.body


def test_a_fault_rule_speaks_soap(desk: Desk) -> None:
    desk.fault(on="soap.login", error="INVALID_LOGIN", when={"times": 1})
    assert fault_of(send(desk, login())) == ("INVALID_LOGIN", f"INVALID_LOGIN: {INVALID}")
    desk.fault(on="soap.*", error="SERVER_UNAVAILABLE", when={"times": 1})
    assert fault_of(send(desk, login())) == ("sf:SERVER_UNAVAILABLE", "SERVER_UNAVAILABLE: Server too busy")
    assert send(desk, login()).status == 200


@settings(max_examples=150)
@given(st.one_of(st.binary(max_size=200), st.text(st.characters(exclude_categories=["Cs"]), max_size=60).map(envelope)))
def test_no_body_brings_the_endpoint_down(body: bytes) -> None:
    assert fault_of(send(_SHARED, body))[0] == "soapenv:Client"


_SHARED = Desk()
