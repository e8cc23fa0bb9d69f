"""The SOAP API of Apex, as far as it is asked to run some: it says that none is run."""

from __future__ import annotations

from dataclasses import dataclass

from mock_server.operations import Call, Operation, Reply, Routes
from mock_server.org.tooling import NOT_RUN
from mock_server.protocols.soap.envelope import operation_of, read
from mock_server.protocols.soap.login import check_version, refuse
from mock_server.protocols.soap.replies import Api
from mock_server.xmltext import escaped

NAMESPACE = "http://soap.sforce.com/2006/08/apex"
_EXECUTE = "executeAnonymous"


@dataclass(frozen=True, slots=True)
class _ApexApi(Api):
    @property
    def namespace(self) -> str:
        return NAMESPACE

    @property
    def fault_namespace(self) -> str:
        return NAMESPACE

    def choose(self, call: Call) -> str:
        """Name the operation of a call, and take the session from its envelope."""
        if operation_of(call.body) != (NAMESPACE, _EXECUTE):
            return "soap.unknown"
        call.present(read(call.body, whole=False).headers.get("sessionId", "").strip())
        return f"soap.{_EXECUTE}"


APEX = _ApexApi("apex", "s")
posts = Routes(APEX.render, choose=APEX.choose)


@posts(
    *(
        Operation(f"soap.{_EXECUTE}", "POST", path, "read", "always", summary="Say that Apex is not run")
        for path in APEX.paths
    )
)
async def execute_anonymous(call: Call) -> Reply:
    check_version(call)
    # Elements in the order of the Apex WSDL.
    return APEX.answer(
        f"<executeAnonymousResponse><result><column>1</column><compileProblem>{escaped(NOT_RUN)}</compileProblem>"
        '<compiled>false</compiled><exceptionMessage xsi:nil="true"/><exceptionStackTrace xsi:nil="true"/>'
        "<line>1</line><success>false</success></result></executeAnonymousResponse>",
    )


@posts(
    *(
        Operation(
            "soap.unknown", "POST", path, "login", counted=False, auth=False, summary="Refuse every other SOAP call"
        )
        for path in APEX.paths
    )
)
async def unknown(call: Call) -> Reply:
    return refuse(call, APEX)
