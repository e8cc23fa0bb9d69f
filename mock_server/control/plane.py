"""The control plane: `/_mock/` on the server's own port. It steers orgs and is no part of any of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import fields as dataclass_fields
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import orjson

from mock_server import __version__
from mock_server.documents import nearest
from mock_server.faults.rule import RuleError
from mock_server.operations import Call, Handler, Operation, Registry, Reply, Routes
from mock_server.org.errors import ApiError
from mock_server.org.org import Org
from mock_server.org.records.changes import Change
from mock_server.org.records.pipeline import CHUNK
from mock_server.org.records.values import Misfit
from mock_server.org.schema import SchemaError
from mock_server.world import OrgSpec, World

_MOST_ROWS = 1_000_000
_SPEC_KEYS = ("from", "fields", "objects", "limits", "seed", "journal", "clock", "transaction_time")


class ControlError(Exception):
    """A refused control call: status, what is wrong, where, what is allowed, what is nearest."""

    def __init__(
        self, status: int, message: str, path: str = "", allowed: tuple[str, ...] = (), near: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.path, self.allowed, self.near = status, message, path, allowed, near


def _answer(value: Any, status: int = 200) -> Reply:
    return Reply(status, orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS), "application/json")


def _refused(error: ControlError) -> Reply:
    body = {"error": error.message, "path": error.path, "allowed": list(error.allowed), "nearest": error.near}
    return _answer(body, error.status)


def _render(error: ApiError) -> Reply:
    return _refused(ControlError(error.status, error.message))


Work = Callable[["Request"], Reply]


class Request:
    """A control call and the org it concerns."""

    def __init__(self, world: World, call: Call) -> None:
        self.world = world
        self.call = call

    @property
    def org(self) -> Org:
        """The org of the path or of `?org=`, else the default org. Raises ControlError."""
        name = self.call.args.get("org") or self.call.query.get("org") or "default"
        org = self.world.default if name == "default" else self.world.orgs.get(name)
        if org is None:
            raise ControlError(404, f"there is no org {name!r}", "org", tuple(self.world.orgs))
        return org

    def body(self, *keys: str) -> dict[str, Any]:
        """Return the JSON object sent, empty when nothing was; only the given keys may stand in it."""
        if not self.call.body.strip():
            return {}
        value = self.any_body()
        if not isinstance(value, dict):
            raise ControlError(400, "a JSON object is needed here", "", keys)
        for key in value:
            if keys and key not in keys:
                raise ControlError(400, f"unknown key {key!r}", key, keys, nearest(key, keys))
        return value

    def any_body(self) -> Any:
        try:
            return orjson.loads(self.call.body)
        except orjson.JSONDecodeError as error:
            raise ControlError(400, f"the body is not JSON: {error}") from None

    def since(self) -> int:
        text = self.call.query.get("since", "0")
        if not text.isdecimal() or len(text) > 15:
            raise ControlError(400, "since is a number from 0 up", "since")
        return int(text)

    def info(self, org: Org) -> dict[str, Any]:
        """Return everything a client needs to use an org, a live session included."""
        directory = org.directory
        user, app = directory.default_user, directory.default_app
        return {
            "id": org.id,
            "username": user.username,
            "password": user.password,
            "security_token": user.security_token,
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "access_token": org.sessions.open(user, app, app.scopes).token,
            "refresh_token": org.sessions.grant(user, app, app.scopes).token,
            "user_id": user.id,
            "login_url": self.call.base_url,
            "instance_url": self.call.base_url,
            "api_version": "66.0",
        }


_DECLARED: list[tuple[str, str, bool, Work]] = []


def _on(method: str, path: str, *, of_org: bool = True) -> Callable[[Work], Work]:
    """Declare a control call; one that concerns an org exists with and without the org in its path."""

    def declare(work: Work) -> Work:
        _DECLARED.append((method, path, of_org, work))
        return work

    return declare


def _routes(world: World) -> Routes:
    routes = Routes(_render)
    for method, path, of_org, work in _DECLARED:
        paths = [f"/_mock/{path}"] + ([f"/_mock/orgs/{{org}}/{path}"] if of_org else [])
        name = f"control.{work.__name__}"
        routes(*[Operation(name, method, each, "read", counted=False, auth=False) for each in paths])(
            _handler(world, work)
        )
    return routes


def _handler(world: World, work: Work) -> Handler:
    async def handle(call: Call) -> Reply:
        return work(Request(world, call))

    return handle


@_on("GET", "health", of_org=False)
def health(request: Request) -> Reply:
    return _answer({"status": "ok", "version": __version__, "orgs": len(request.world.orgs)})


@_on("GET", "orgs", of_org=False)
def list_orgs(request: Request) -> Reply:
    return _answer([request.info(org) for org in request.world.orgs.values()])


@_on("POST", "orgs", of_org=False)
def create_org(request: Request) -> Reply:
    body = request.body(*_SPEC_KEYS)
    template = body.pop("from", None)
    if template == "default":
        template = request.world.default.id
    if template is not None and template not in request.world.orgs:
        raise ControlError(404, f"there is no org {template!r}", "from", tuple(request.world.orgs))
    _check_spec(body)
    try:
        org = request.world.create(OrgSpec(**body, template=template))
    except SchemaError as error:
        where = ".".join(map(str, error.path))
        raise ControlError(400, error.message, where, error.allowed, error.nearest) from None
    except KeyError as error:
        limits = request.world.default.limits.names
        name = error.args[0]
        raise ControlError(400, f"there is no limit {name!r}", f"limits.{name}", limits, nearest(name, limits)) from None
    return _answer(request.info(org), 201)


def _check_spec(body: dict[str, Any]) -> None:
    for key in ("fields", "objects", "limits"):
        if not isinstance(body.get(key, {}), Mapping):
            raise ControlError(400, "a mapping is needed here", key)
    for name, value in body.get("limits", {}).items():
        _whole(f"limits.{name}", value)
    _whole("seed", body.get("seed", 0))
    for key, choices in (("journal", ("bounded", "whole")), ("clock", ("real", "virtual"))):
        if body.get(key, choices[0]) not in choices:
            raise ControlError(400, f"{body[key]!r} is none of its values", key, choices)
    seconds = body.get("transaction_time", 0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 3600:
        raise ControlError(400, "seconds from 0 to 3600 are needed here", "transaction_time")
    assert set(body) <= {one.name for one in dataclass_fields(OrgSpec)}


def _whole(path: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10**12:
        raise ControlError(400, "a whole number from 0 up is needed here", path)
    return value


@_on("GET", "orgs/{org}", of_org=False)
def read_org(request: Request) -> Reply:
    return _answer(request.info(request.org))


@_on("DELETE", "orgs/{org}", of_org=False)
def delete_org(request: Request) -> Reply:
    try:
        request.world.delete(request.org.id)
    except ValueError as error:
        raise ControlError(409, str(error), "org") from None
    return Reply(204, b"", None)


@_on("POST", "clone")
def clone_org(request: Request) -> Reply:
    return _answer(request.info(request.world.clone(request.org)), 201)


@_on("POST", "snapshots")
def take_snapshot(request: Request) -> Reply:
    return _answer({"snapshot": request.world.snapshot(request.org)}, 201)


@_on("POST", "restore")
def restore_snapshot(request: Request) -> Reply:
    name = request.body("snapshot").get("snapshot")
    try:
        request.world.restore(request.org, str(name))
    except KeyError:
        raise ControlError(404, f"there is no snapshot {name!r}", "snapshot") from None
    return Reply(204, b"", None)


@_on("POST", "reset")
def reset_org(request: Request) -> Reply:
    request.world.reset(request.org)
    return Reply(204, b"", None)


@_on("POST", "tokens")
def mint_token(request: Request) -> Reply:
    directory = request.org.directory
    app = directory.default_app
    return _answer({"access_token": request.org.sessions.open(directory.default_user, app, app.scopes).token}, 201)


@_on("POST", "tokens/expire")
def expire_tokens(request: Request) -> Reply:
    token = request.body("token").get("token")
    return _answer({"expired": request.org.sessions.expire(None if token is None else str(token))})


@_on("POST", "tokens/revoke")
def revoke_tokens(request: Request) -> Reply:
    token = request.body("token").get("token")
    return _answer({"revoked": request.org.sessions.revoke(None if token is None else str(token))})


@_on("POST", "records")
def seed_records(request: Request) -> Reply:
    """Save records as the default user, 200 at a time, all of them or none."""
    body = request.body("sobject", "records")
    name, rows = body.get("sobject"), body.get("records")
    if not isinstance(name, str) or request.org.schema.get(name) is None:
        names = request.org.schema.names()
        raise ControlError(400, f"there is no object {name!r}", "sobject", (), nearest(name, names))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or len(rows) > _MOST_ROWS:
        raise ControlError(400, f"a list of at most {_MOST_ROWS} records is needed here", "records")
    org = request.org
    directory = org.directory
    who = org.sessions.open(directory.default_user, directory.default_app, ("api",))
    ids: list[str | None] = []
    try:
        with org.transaction():
            for start in range(0, len(rows), CHUNK):
                changes = [Change("create", name, row) for row in rows[start : start + CHUNK]]
                for place, result in enumerate(org.write(who, changes, all_or_none=False, give_up=True), start):
                    if not result.success:
                        raise ControlError(400, f"{result.errors[0].code}: {result.errors[0].message}", f"records[{place}]")
                    ids.append(result.id)
    except Misfit as misfit:
        raise ControlError(400, misfit.text, f"records.{misfit.field.name}") from None
    finally:
        org.sessions.expire(who.token)
    return _answer([{"id": identifier} for identifier in ids], 201)


@_on("GET", "records")
def query_records(request: Request) -> Reply:
    soql = request.call.query.get("q", "")
    try:
        page = request.org.queries.run(soql, user_id="", size=_MOST_ROWS, base="/services/data/v66.0/sobjects")
    except ApiError as error:
        raise ControlError(400, f"{error.code}: {error.message.strip()}", "q") from None
    return _answer({"totalSize": page.total, "records": page.records})


@_on("GET", "commits")
def list_commits(request: Request) -> Reply:
    org, since = request.org, request.since()
    outcomes = {entry.number: entry.outcome for entry in request.world.journal_of(org)}
    rows = [
        {
            "number": commit.number,
            "transaction": commit.transaction,
            "verb": commit.verb,
            "sobject": commit.sobject,
            "id": commit.id,
            "at": commit.at,
            "exchange": commit.exchange,
            "values": commit.values,
            "delivered": outcomes.get(commit.exchange) == "answered" if commit.exchange in outcomes else None,
        }
        for commit in org.commits(since)
    ]
    return _answer({"commits": rows, "last": org.log.last})


@_on("GET", "journal")
def read_journal(request: Request) -> Reply:
    journal = request.world.journal_of(request.org)
    entries = [entry.as_json() for entry in islice(journal.since(request.since()), _MOST_ROWS)]
    return _answer({"entries": entries, "last": journal.count})


@_on("DELETE", "journal")
def clear_journal(request: Request) -> Reply:
    request.world.journal_of(request.org).clear()
    return Reply(204, b"", None)


@_on("GET", "faults")
def list_faults(request: Request) -> Reply:
    return _answer([armed.as_json() for armed in request.world.faults_of(request.org).armed])


@_on("POST", "faults")
def add_faults(request: Request) -> Reply:
    """Arm one rule, or a list of them: all or none."""
    faults = request.world.faults_of(request.org)
    given = request.any_body()
    added: list[str] = []
    for place, rule in enumerate(given if isinstance(given, list) else [given]):
        prefix = f"[{place}]" if isinstance(given, list) else ""
        try:
            added.append(faults.add(rule))
        except (RuleError, ValueError) as error:
            for name in added:
                faults.remove(name)
            if not isinstance(error, RuleError):
                raise ControlError(409, str(error), f"{prefix}name") from None
            first = error.problems[0]
            where = ".".join([prefix, *map(str, first.path)]).strip(".")
            raise ControlError(400, str(error), where, first.allowed, first.nearest) from None
    names = [{"name": name} for name in added]
    return _answer(names if isinstance(given, list) else names[0], 201)


@_on("DELETE", "faults")
def clear_faults(request: Request) -> Reply:
    request.world.faults_of(request.org).clear()
    return Reply(204, b"", None)


@_on("DELETE", "faults/{name}")
def remove_fault(request: Request) -> Reply:
    faults = request.world.faults_of(request.org)
    name = request.call.args["name"]
    try:
        faults.remove(name)
    except KeyError:
        known = tuple(armed.rule.name for armed in faults.armed)
        raise ControlError(404, f"there is no rule {name!r}", "name", known, nearest(name, known)) from None
    return Reply(204, b"", None)


@_on("POST", "phase")
def set_phase(request: Request) -> Reply:
    """Enter a phase: from now on the rules whose `when.phase` names it apply, and those of others do not."""
    phase = request.body("phase").get("phase")
    request.world.faults_of(request.org).phase = None if phase is None else str(phase)
    return Reply(204, b"", None)


@_on("GET", "limits")
def read_limits(request: Request) -> Reply:
    return _answer(request.org.limits.body())


@_on("PATCH", "limits")
def set_limits(request: Request) -> Reply:
    limits = request.org.limits
    for name, value in request.body().items():
        if name not in limits:
            raise ControlError(400, f"there is no limit {name!r}", name, limits.names, nearest(name, limits.names))
        given = value if isinstance(value, dict) else {"Max": value}
        for key in given:
            if key not in ("Max", "Remaining"):
                raise ControlError(400, f"unknown key {key!r}", f"{name}.{key}", ("Max", "Remaining"))
        numbers = {key: _whole(f"{name}.{key}", number) for key, number in given.items()}
        limits.set(name, numbers.get("Max"), numbers.get("Remaining"))
    return _answer(limits.body())


@_on("GET", "clock")
def read_clock(request: Request) -> Reply:
    return _answer({"now": request.org.clock.now(), "mode": request.org.clock.mode})


@_on("POST", "clock")
def advance_clock(request: Request) -> Reply:
    seconds = request.body("advance").get("advance")
    try:
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise ValueError("a number of seconds is needed here")
        now = request.org.clock.advance(seconds)
    except ValueError as error:
        raise ControlError(400, str(error), "advance") from None
    return _answer({"now": now, "mode": request.org.clock.mode})


class ControlPlane:
    """Admits and answers control calls."""

    def __init__(self, world: World, token: str | None = None) -> None:
        self._token = token
        self._registry = Registry([_routes(world)])

    async def handle(self, call: Call, peer: str) -> Reply:
        reason = admit(peer, call.headers, self._token)
        if reason is not None:
            return _refused(ControlError(403, reason))
        try:
            route, call.args = self._registry.match(call)
            return await route.handler(call)
        except ControlError as error:
            return _refused(error)
        except ApiError as error:
            if error.code in ("NOT_FOUND", "METHOD_NOT_ALLOWED"):
                paths = sorted({f"{one.operation.method} {one.operation.path}" for one in self._registry.routes})
                return _refused(ControlError(error.status, error.message, call.raw_path, tuple(paths)))
            return _render(error)


def admit(peer: str, headers: Mapping[str, str], token: str | None) -> str | None:
    """Say why a control call is refused; None when it may pass.

    Without a token only this machine may steer, and no page that a browser has open: Host and Origin must be local.
    """
    if token is not None:
        import hmac

        given = headers.get("X-Sfmock-Token") or headers.get("Authorization", "").removeprefix("Bearer ")
        return None if hmac.compare_digest(given.encode(), token.encode()) else "the control token is missing or wrong"
    if not _loopback(peer):
        return "the control plane answers this machine only, unless a control token is set"
    host = urlsplit(f"//{headers.get('Host', '')}").hostname or ""
    if not _local_name(host):
        return f"the control plane is not served under the name {host!r}"
    origin = headers.get("Origin")
    if origin is not None and not _local_name(urlsplit(origin).hostname or ""):
        return "the control plane does not answer pages of other origins"
    return None


def _loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def _local_name(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost") or _loopback(host)
