"""The two SOAP APIs, partner and enterprise, and how they write answers and faults.

Element order and fault forms as recorded. Clients read a login's answer by position: it has no Header in its envelope.
"""

from __future__ import annotations

from dataclasses import dataclass

from mock_server.operations import Call, Reply
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.protocols.soap.envelope import CLIENT_FAULT, ENVELOPE, operation_of, read
from mock_server.xmltext import escaped

XML = "text/xml;charset=UTF-8"
_LIMIT_INFO = (
    "<soapenv:Header><LimitInfoHeader><limitInfo><current>{}</current><limit>{}</limit><type>API REQUESTS</type>"
    "</limitInfo></LimitInfoHeader></soapenv:Header>"
)
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_LOGIN_FAULTS = frozenset(
    spec.code
    for spec in (
        errors.INVALID_LOGIN,
        errors.LOGIN_MUST_USE_SECURITY_TOKEN,
        errors.LOGIN_DURING_RESTRICTED_DOMAIN,
        errors.LOGIN_DURING_RESTRICTED_TIME,
    )
)
"""The codes of a LoginFault: only they go without a prefix as the fault's code."""
_IN_SOAP = {
    errors.INVALID_SESSION_ID: errors.ILLEGAL_SESSION.message,
    errors.NO_TOKEN: errors.ILLEGAL_SESSION.message,
    errors.BARRED_SESSION: errors.ILLEGAL_SESSION.message,
    errors.WRONG_HOST: f"{errors.WRONG_HOST.message} in the SforceService",
    errors.NO_API_SCOPE: errors.NO_API_SCOPE_IN_SOAP.message,
}
"""What SOAP says in the place of the texts of other protocols."""
ABOUT_RECORDS = frozenset({"undelete", "emptyRecycleBin", "merge", "convertLead", "getUpdated", "getDeleted"})
"""Operations that need a session, which their envelope brings."""
HANDLED = frozenset({"login", "logout"}) | ABOUT_RECORDS


@dataclass(frozen=True, slots=True)
class Api:
    """One flavour of the SOAP API; `letter` stands for it in paths."""

    name: str
    letter: str

    @property
    def namespace(self) -> str:
        return f"urn:{self.name}.soap.sforce.com"

    @property
    def fault_namespace(self) -> str:
        return f"urn:fault.{self.name}.soap.sforce.com"

    @property
    def paths(self) -> tuple[str, str]:
        """The endpoint, and the serverUrl that a login hands out."""
        return f"/services/Soap/{self.letter}/{{version}}", f"/services/Soap/{self.letter}/{{version}}/{{org}}"

    def dispatch(self, body: bytes) -> str | None:
        """Name the operation that a body asks for, None when this API has none such."""
        found = operation_of(body)
        if found is None or found[0] != self.namespace or found[1] not in HANDLED:
            return None
        return f"soap.{found[1]}"

    def choose(self, call: Call) -> str:
        """Name the operation of a call, and take the session from its envelope where one is needed."""
        name = self.dispatch(call.body)
        if name is not None and name.partition(".")[2] in ABOUT_RECORDS:
            call.present(read(call.body, whole=False).headers.get("sessionId", "").strip())
        return name or "soap.unknown"

    def answer(self, inner: str, calls: tuple[int, int] | None = None) -> Reply:
        """Return an answer; one that counts says how many calls there have been, and how many there may be."""
        header = "" if calls is None else _LIMIT_INFO.format(*calls)
        return Reply(200, _envelope(f'xmlns="{self.namespace}"', inner, header), XML)

    def render(self, error: ApiError) -> Reply:
        """Write an error as a fault; every fault has status 500."""
        if error.spec is CLIENT_FAULT:
            fault = _fault(error.code, error.message, "")
        else:
            message = _IN_SOAP.get(error.spec, error.message)
            login = error.code in _LOGIN_FAULTS
            kind = "sf:LoginFault" if login else "sf:UnexpectedErrorFault"
            detail = (
                f'<detail><{kind} xsi:type="{kind}"><sf:exceptionCode>{error.code}</sf:exceptionCode>'
                f"<sf:exceptionMessage>{escaped(message)}</sf:exceptionMessage></{kind}></detail>"
            )
            fault = _fault(error.code if login else f"sf:{error.code}", f"{error.code}: {message}", detail)
        return Reply(500, _envelope(f'xmlns:sf="{self.fault_namespace}"', fault), XML)


def _fault(code: str, text: str, detail: str) -> str:
    said = f"<faultcode>{code}</faultcode><faultstring>{escaped(text)}</faultstring>"
    return f"<soapenv:Fault>{said}{detail}</soapenv:Fault>"


def _envelope(namespace: str, inner: str, header: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{ENVELOPE}" {namespace} '
        f'xmlns:xsi="{_XSI}">{header}<soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>'
    ).encode()


PARTNER = Api("partner", "u")
ENTERPRISE = Api("enterprise", "c")
APIS = (PARTNER, ENTERPRISE)
