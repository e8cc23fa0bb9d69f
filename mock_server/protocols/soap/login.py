"""SOAP login() and logout(): what simple-salesforce and many older clients begin with.

Element order and fault forms as recorded: clients read the answer by position, so there is no Header in the envelope.
"""

from __future__ import annotations

import re
from typing import Any
from xml.sax.saxutils import escape

from mock_server.operations import Call, Operation, OrgFinder, Reply, Routes
from mock_server.org.errors import ApiError
from mock_server.org.identity.directory import ADMIN_PROFILE_ID, LoginRefused
from mock_server.org.ids import to_15
from mock_server.org.org import Org
from mock_server.protocols.instance import instance_url
from mock_server.protocols.rest.replies import LATEST, OLDEST

XML = "text/xml;charset=UTF-8"
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_LAST_WITH_LOGIN = 64
"""login() is gone from API 65.0 on (Salesforce release notes, "SOAP login() retirement")."""
_LARGEST = 1_000_000
_INVALID_LOGIN = "Invalid username, password, security token; or user locked out."
_ILLEGAL_SESSION = "Invalid Session ID found in SessionHeader: Illegal Session"
_VERSION = re.compile(r"(\d{1,3})\.0")


class Fault(Exception):
    """A SOAP fault. `detail` is the name of its detail element; only a login's fault code goes without a prefix."""

    def __init__(self, code: str, message: str, detail: str = "UnexpectedErrorFault") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail


class Request:
    """The readable part of an envelope. Raises Fault for what is no SOAP."""

    def __init__(self, body: bytes) -> None:
        from xml.etree.ElementTree import ParseError

        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import fromstring

        if len(body) > _LARGEST:
            raise Fault("CLIENT", "The request is too large", "")
        try:
            root: Any = fromstring(body, forbid_dtd=True)
        except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
            raise Fault("CLIENT", f"The request is no well-formed XML: {type(error).__name__}", "") from None
        if root.tag != f"{{{_ENVELOPE}}}Envelope":
            raise Fault("CLIENT", "The request is no SOAP 1.1 envelope", "")
        found = root.find(f"{{{_ENVELOPE}}}Body")
        if found is None or len(found) == 0:
            raise Fault("CLIENT", "The envelope has no operation in its Body", "")
        self.element = found[0]
        self.operation = self.element.tag.rpartition("}")[2]
        self.namespace = self.element.tag.rpartition("}")[0].lstrip("{") or "urn:partner.soap.sforce.com"
        session = root.find(f"{{{_ENVELOPE}}}Header//{{*}}sessionId")
        self.session_id: str | None = session.text if session is not None else None

    def text(self, name: str) -> str:
        found = self.element.find(f"{{*}}{name}")
        return (found.text or "") if found is not None else ""


_WORD = re.compile(rb"<(?:[\w.-]+:)?(login|logout)[\s>/]")


def choose(call: Call) -> str:
    """Name the operation a body asks for, without reading it whole."""
    found = _WORD.search(call.body[:_LARGEST])
    return f"soap.{found[1].decode()}" if found else "soap.unknown"


def find_org(call: Call, orgs: OrgFinder) -> Org | None:
    try:
        request = Request(call.body)
    except Fault:
        return None
    if request.session_id:
        return orgs.by_any_token(request.session_id)
    return orgs.by_username(request.text("username"))


def render(error: ApiError) -> Reply:
    """Write an error of the platform as a fault."""
    return _fault(Fault(error.code, error.message), "urn:fault.partner.soap.sforce.com")


def _fault(fault: Fault, namespace: str) -> Reply:
    message = escape(f"{fault.code}: {fault.message}" if fault.detail else fault.message)
    if not fault.detail:
        code, detail = "soapenv:Client", ""
    else:
        # A login's fault code has no prefix; every other one has.
        code = fault.code if fault.detail == "LoginFault" else f"sf:{fault.code}"
        detail = (
            f'<detail><sf:{fault.detail} xsi:type="sf:{fault.detail}"><sf:exceptionCode>{fault.code}</sf:exceptionCode>'
            f"<sf:exceptionMessage>{escape(fault.message)}</sf:exceptionMessage></sf:{fault.detail}></detail>"
        )
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{_ENVELOPE}" xmlns:sf="{namespace}" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><soapenv:Fault>'
        f"<faultcode>{code}</faultcode><faultstring>{message}</faultstring>{detail}"
        "</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    )
    return Reply(500, body.encode(), XML)


routes = Routes(render, find_org, choose)

_PATHS = ("/services/Soap/{api}/{version}", "/services/Soap/{api}/{version}/{org}")


def _operations(name: str, summary: str, replay: Any = "always") -> list[Operation]:
    return [
        Operation(name, "POST", path, "login", replay, counted=False, auth=False, summary=summary) for path in _PATHS
    ]


def _fault_namespace(call: Call) -> str:
    return f"urn:fault.{'enterprise' if call.args['api'].lower() == 'c' else 'partner'}.soap.sforce.com"


def _version(call: Call) -> int:
    found = _VERSION.fullmatch(call.args["version"])
    number = int(found[1]) if found else 0
    if call.args["api"].lower() not in ("u", "c") or not OLDEST <= number <= LATEST:
        raise Fault("UNSUPPORTED_API_VERSION", f"Invalid API version specified on URL: {call.args['version'][:20]}")
    return number


@routes(*_operations("soap.login", "Log in with user name and password"))
async def login(call: Call) -> Reply:
    try:
        version = _version(call)
        request = Request(call.body)
        if version > _LAST_WITH_LOGIN:
            raise Fault("UNSUPPORTED_API_VERSION", f"SOAP API login() is not available in API version {version}.0")
        try:
            user = call.org.directory.log_in(request.text("username"), request.text("password"))
        except LoginRefused as refusal:
            message = "login rate exceeded" if refusal.reason == "rate" else _INVALID_LOGIN
            raise Fault("INVALID_LOGIN", message, "LoginFault") from None
    except Fault as fault:
        return _fault(fault, _fault_namespace(call))
    session = call.org.sessions.open(user, None, ("api",))
    call.entry.user, call.entry.session = user.username, session.label
    base, org15 = instance_url(call, call.org), to_15(call.org.id)
    api = call.args["api"].lower()
    result = (
        f"<metadataServerUrl>{base}/services/Soap/m/{version}.0/{org15}</metadataServerUrl>"
        "<passwordExpired>false</passwordExpired><sandbox>false</sandbox>"
        f"<serverUrl>{base}/services/Soap/{api}/{version}.0/{org15}</serverUrl>"
        f"<sessionId>{session.token}</sessionId><userId>{user.id}</userId><userInfo>"
        "<accessibilityMode>false</accessibilityMode><chatterExternal>false</chatterExternal>"
        "<currencySymbol>$</currencySymbol><orgAttachmentFileSizeLimit>5242880</orgAttachmentFileSizeLimit>"
        "<orgDefaultCurrencyIsoCode>USD</orgDefaultCurrencyIsoCode>"
        "<orgDisallowHtmlAttachments>false</orgDisallowHtmlAttachments>"
        f"<orgHasPersonAccounts>false</orgHasPersonAccounts><organizationId>{call.org.id}</organizationId>"
        "<organizationMultiCurrency>false</organizationMultiCurrency><organizationName>sfmock</organizationName>"
        f'<profileId>{ADMIN_PROFILE_ID}</profileId><roleId xsi:nil="true"/>'
        '<sessionSecondsValid>7200</sessionSecondsValid><userDefaultCurrencyIsoCode xsi:nil="true"/>'
        f"<userEmail>{escape(user.email)}</userEmail><userFullName>{escape(user.name)}</userFullName>"
        f"<userId>{user.id}</userId><userLanguage>en_US</userLanguage><userLocale>en_US</userLocale>"
        f"<userName>{escape(user.username)}</userName><userTimeZone>GMT</userTimeZone><userType>Standard</userType>"
        "<userUiSkin>Theme3</userUiSkin></userInfo>"
    )
    return _answer(call, f"<loginResponse><result>{result}</result></loginResponse>")


def _answer(call: Call, inner: str) -> Reply:
    namespace = "urn:enterprise.soap.sforce.com" if call.args["api"].lower() == "c" else "urn:partner.soap.sforce.com"
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{_ENVELOPE}" xmlns="{namespace}" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>'
    )
    return Reply(200, body.encode(), XML)


@routes(*_operations("soap.logout", "End a session"))
async def logout(call: Call) -> Reply:
    try:
        _version(call)
        request = Request(call.body)
        if not request.session_id or not call.org.sessions.expire(request.session_id):
            raise Fault("INVALID_SESSION_ID", _ILLEGAL_SESSION)
    except Fault as fault:
        return _fault(fault, _fault_namespace(call))
    return _answer(call, "<logoutResponse/>")


@routes(*_operations("soap.unknown", "Refuse every other SOAP call"))
async def unknown(call: Call) -> Reply:
    call.entry.unimplemented = True
    try:
        _version(call)
        request = Request(call.body)
        raise Fault("CLIENT", f"No operation available for request {{{request.namespace}}}{request.operation}", "")
    except Fault as fault:
        return _fault(fault, _fault_namespace(call))


gets = Routes(render)


@gets(
    *[
        Operation("soap.wrong_method", "GET", path, "read", counted=False, auth=False, summary="Refuse GET")
        for path in _PATHS
    ]
)
async def wrong_method(call: Call) -> Reply:
    return Reply(405, b"<html><body>Only POST allowed</body></html>", "text/html;charset=UTF-8")
