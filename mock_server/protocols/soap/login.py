"""SOAP login() and logout(): what simple-salesforce and many older clients begin with."""

from __future__ import annotations

import re

from mock_server.journal import fingerprint
from mock_server.operations import Call, Operation, OrgFinder, Reply, Routes
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.identity.admission import REFUSALS, LoginRefused, Visit
from mock_server.org.identity.directory import User
from mock_server.org.ids import to_15, to_18
from mock_server.org.org import Org
from mock_server.org.versions import OLDEST
from mock_server.protocols.instance import at_sandbox_host, host_of, instance_url
from mock_server.protocols.soap import records
from mock_server.protocols.soap.envelope import CLIENT_FAULT, LARGEST, read
from mock_server.protocols.soap.replies import APIS, Api
from mock_server.xmltext import escaped

_LAST_WITH_LOGIN = 64
"""login() is gone from API 65.0 on (Salesforce release notes, retirement of SOAP login)."""
_VERSION = re.compile(r"(\d{1,3})\.0")
ROUTES: list[Routes] = []


def _find_org(call: Call, orgs: OrgFinder) -> Org | None:
    try:
        envelope = read(call.body, whole=len(call.body) <= LARGEST)
    except ApiError:
        return None
    session = envelope.headers.get("sessionId")
    return orgs.by_any_token(session) if session else orgs.by_username(envelope.fields.get("username", ""))


def check_version(call: Call) -> int:
    """Return the API version of the path. Raises INVALID_API_VERSION."""
    found = _VERSION.fullmatch(call.args["version"])
    number = int(found[1]) if found else 0
    if not OLDEST <= number <= call.org.latest:
        raise errors.INVALID_API_VERSION()
    return number


def _log_in(call: Call, api: Api) -> Reply:
    version = check_version(call)
    if version > _LAST_WITH_LOGIN:
        raise errors.SOAP_LOGIN_RETIRED(version=f"{version}.0")
    envelope = read(call.body)
    meant = envelope.headers.get("organizationId")
    if meant and to_18(meant) != call.org.id:
        raise errors.INVALID_LOGIN()
    coming = Visit(
        call.peer, host_of(call.base_url), "Other Apex API", api_type=f"SOAP {api.name.capitalize()}",
        api_version=f"{version}.0", secure=call.base_url.lower().startswith("https:"),
    )  # fmt: skip
    try:
        user = call.org.admission.by_password(
            envelope.fields.get("username", ""), envelope.fields.get("password", ""), coming
        )
    except LoginRefused as refused:
        raise REFUSALS[refused.reason].soap() from None
    session = call.org.sessions.open(user, None, ("api",), by_password=True)
    instance, org15 = instance_url(call, call.org), to_15(call.org.id)
    call.entry.opened(user.username, session.token, instance)
    base = escaped(instance)
    expired = str(call.org.directory.expired(user.id)).lower()
    sandbox = str(call.org.directory.is_sandbox() or at_sandbox_host(call)).lower()
    return api.answer(
        "<loginResponse><result>"
        f"<metadataServerUrl>{base}/services/Soap/m/{version}.0/{org15}</metadataServerUrl>"
        f"<passwordExpired>{expired}</passwordExpired><sandbox>{sandbox}</sandbox>"
        f"<serverUrl>{base}/services/Soap/{api.letter}/{version}.0/{org15}</serverUrl>"
        f"<sessionId>{session.token}</sessionId><userId>{user.id}</userId>{_user_info(call.org, user, session.timeout)}"
        "</result></loginResponse>"
    )


def _user_info(org: Org, user: User, timeout: float) -> str:
    # pysfpubsub takes the ninth child for the organizationId.
    return (
        "<userInfo><accessibilityMode>false</accessibilityMode><chatterExternal>false</chatterExternal>"
        "<currencySymbol>$</currencySymbol><orgAttachmentFileSizeLimit>5242880</orgAttachmentFileSizeLimit>"
        "<orgDefaultCurrencyIsoCode>USD</orgDefaultCurrencyIsoCode>"
        "<orgDefaultCurrencyLocale>en_US</orgDefaultCurrencyLocale>"
        "<orgDisallowHtmlAttachments>false</orgDisallowHtmlAttachments>"
        f"<orgHasPersonAccounts>false</orgHasPersonAccounts><organizationId>{org.id}</organizationId>"
        "<organizationMultiCurrency>false</organizationMultiCurrency>"
        f"<organizationName>{escaped(org.directory.organization_name())}</organizationName>"
        f'<profileId>{user.profile_id}</profileId><roleId xsi:nil="true"/>'
        f'<sessionSecondsValid>{timeout:.0f}</sessionSecondsValid><userDefaultCurrencyIsoCode xsi:nil="true"/>'
        f"<userEmail>{escaped(user.email)}</userEmail><userFullName>{escaped(user.name)}</userFullName>"
        f"<userId>{user.id}</userId><userLanguage>{escaped(user.language)}</userLanguage>"
        f"<userLocale>{escaped(user.locale)}</userLocale><userName>{escaped(user.username)}</userName>"
        f"<userTimeZone>{escaped(user.time_zone)}</userTimeZone><userType>Standard</userType>"
        "<userUiSkin>Theme3</userUiSkin></userInfo>"
    )


def _log_out(call: Call, api: Api) -> Reply:
    check_version(call)
    session = call.org.sessions.find(read(call.body).headers.get("sessionId", ""))
    if session is None:
        raise errors.ILLEGAL_SESSION()
    call.entry.user, call.entry.session = session.username, fingerprint(session.token.encode())
    call.org.sessions.expire(session.token)
    return api.answer("<logoutResponse/>")


def refuse(call: Call, api: Api) -> Reply:
    """Refuse a call that the API does not know. Raises CLIENT_FAULT."""
    check_version(call)
    envelope = read(call.body, whole=False)
    call.entry.unimplemented = True
    raise CLIENT_FAULT(text=f"No operation available for request {{{envelope.namespace}}}{envelope.operation}")


def _declare(api: Api) -> None:
    """Declare the operations of one API. They share a path: the body says which is meant."""
    posts = Routes(api.render, _find_org, api.choose)
    gets = Routes(api.render)

    def operations(name: str, summary: str, method: str = "POST") -> list[Operation]:
        return [
            Operation(name, method, path, "login", counted=False, auth=False, summary=summary) for path in api.paths
        ]

    @posts(*operations("soap.login", "Log in with user name and password"))
    async def login(call: Call) -> Reply:
        return _log_in(call, api)

    @posts(*operations("soap.logout", "End a session"))
    async def logout(call: Call) -> Reply:
        return _log_out(call, api)

    records.declare(api, posts)

    @posts(*operations("soap.unknown", "Refuse every other SOAP call"))
    async def unknown(call: Call) -> Reply:
        return refuse(call, api)

    @gets(*operations("soap.wrong_method", "Refuse GET", "GET"))
    async def wrong_method(call: Call) -> Reply:
        return Reply(405, b"<html><body>Only POST allowed</body></html>", "text/html;charset=UTF-8")

    ROUTES.extend((posts, gets))


for _api in APIS:
    _declare(_api)
