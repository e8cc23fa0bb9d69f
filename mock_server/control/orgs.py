"""Orgs: make, clone, reset and remove them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from mock_server import __version__, automation, declarations, tuning
from mock_server.control.call import ControlCall, Refused, answer, done, operation, routes, spelt
from mock_server.faults.reader import Reader
from mock_server.making import OrgSpec, WrongHook
from mock_server.operations import Reply
from mock_server.org import snapshots
from mock_server.org.clock import Mode
from mock_server.org.identity.apps import ConnectedApp
from mock_server.org.identity.directory import LOGIN_KEYS
from mock_server.org.records.snapshot_file import SnapshotError
from mock_server.org.schema import SchemaError
from mock_server.org.schema.definitions import KINDS

ORGS = "/_mock/orgs"
ONE = f"{ORGS}/{{org}}"


@routes.at(operation("health", "GET", "/_mock/health", "Tell that the server answers"))
async def health(call: ControlCall) -> Reply:
    return answer({"status": "ok", "version": __version__, "orgs": len(call.world.orgs)})


@routes.at(operation("openapi", "GET", "/_mock/openapi.json", "Describe every operation that is served (OpenAPI 3.1)"))
async def openapi(call: ControlCall) -> Reply:
    from mock_server.openapi import description

    return answer(description(call.world.registry, call.base_url))


@routes.at(operation("orgs.list", "GET", ORGS, "List the orgs"))
async def list_orgs(call: ControlCall) -> Reply:
    return answer([call.world.info(org, call.base_url) for org in call.world.orgs.values()])


@routes.at(operation("orgs.create", "POST", ORGS, "Make an org"))
async def create(call: ControlCall) -> Reply:
    keys = (
        "from", "fields", "objects", "schema", "limits", "login", "users", "as", "apps", "security", "seed",
        "journal", "clock", "settings", "automation", *declarations.KINDS,
    )  # fmt: skip
    with call.reading(*keys, what="an org") as body:
        spec = _spec(call, body)
    try:
        org = call.world.create(spec)
    except WrongHook as wrong:
        near = wrong.error
        raise Refused(400, str(wrong), spelt(wrong.path), near.allowed, near.like or "") from None
    except SchemaError as error:
        refused = Refused(400, error.message, spelt(error.path), error.allowed)
        refused.nearest = error.nearest
        raise refused from None
    return answer(call.world.info(org, call.base_url), 201)


def _spec(call: ControlCall, body: Reader) -> OrgSpec:
    template = body.text("from")
    if template is not None and template not in call.world.orgs:
        body.refuse("from", f"there is no org {template}", call.world.orgs, template)
    clock = body.mapping("clock")
    if clock is not None:
        clock.only(("mode", "start"), "a clock")
    mode = clock.choice("mode", get_args(Mode)) if clock else None
    start = clock.count("start", 0, 10**10) if clock else None
    return OrgSpec(
        fields=_definitions(body, "fields"),
        objects=_definitions(body, "objects"),
        definitions=_schema(body),
        limits=tuning.read_limits(body.data.get("limits"), ("limits",), body.problems),
        login=_login(body),
        users=body.data.get("users"),
        speaker=body.data.get("as"),
        apps=body.data.get("apps"),
        security=body.data.get("security"),
        seed=body.count("seed", 0) or 0,
        journal="whole" if body.choice("journal", ("bounded", "whole")) == "whole" else "bounded",
        clock="virtual" if mode == "virtual" else "real",
        start=None if start is None else float(start),
        tuning=tuning.read(body.data.get("settings"), ("settings",), body.problems),
        template=template,
        automation=automation.read(body.data.get("automation"), ("automation",), body.problems),
        declared=declarations.read(body.data, (), body.problems),
    )


def _definitions(body: Reader, key: str) -> Mapping[str, Any]:
    given = body.mapping(key)
    return {} if given is None else given.data


def _schema(body: Reader) -> Mapping[str, Any]:
    given = body.mapping("schema")
    if given is None:
        return {}
    given.only(KINDS, "a schema")
    return {kind: _definitions(given, kind) for kind in KINDS if kind in given}


def _login(body: Reader) -> dict[str, str]:
    given = body.mapping("login")
    if given is None:
        return {}
    given.only(LOGIN_KEYS, "the login of an org")
    return {key: text for key in LOGIN_KEYS if (text := given.text(key)) is not None}


@routes.of_org("users.create", "POST", "users", "Make a user; answer with what he needs to log in")
async def enrol(call: ControlCall) -> Reply:
    from mock_server.org.identity import enrolment, given

    definition = call.any_json()
    try:
        user = given.read_user(call.org.schema, definition, ())
        (made,) = enrolment.enrol(call.org, [user])
    except SchemaError as error:
        refused = Refused(400, error.message, spelt(error.path), error.allowed)
        refused.nearest = error.nearest
        raise refused from None
    return answer(call.world.info(call.org, call.base_url, call.org.directory.by_id(made)), 201)


@routes.of_org("apps.create", "POST", "apps", "Register a connected app, or change it")
async def register(call: ControlCall) -> Reply:
    from mock_server.org.identity import enrolment, given_apps

    definition = call.any_json()
    try:
        app = enrolment.add_app(call.org, given_apps.read_app(definition))
        call.org.keeper.app(app)
    except SchemaError as error:
        refused = Refused(400, error.message, spelt(error.path), error.allowed)
        refused.nearest = error.nearest
        raise refused from None
    return answer(_told(app), 201)


@routes.of_org("apps.list", "GET", "apps", "List the connected apps")
async def list_apps(call: ControlCall) -> Reply:
    return answer([_told(app) for app in call.org.directory.apps.values()])


def _told(app: ConnectedApp) -> dict[str, Any]:
    return {
        "id": app.id,
        "name": app.name,
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "scopes": list(app.scopes),
        "callbacks": list(app.callbacks),
    }


@routes.at(operation("orgs.read", "GET", ONE, "Show an org"))
async def read(call: ControlCall) -> Reply:
    return answer(call.world.info(call.org, call.base_url))


@routes.at(operation("orgs.delete", "DELETE", ONE, "Remove an org"))
async def delete(call: ControlCall) -> Reply:
    try:
        call.world.delete(call.org.id)
    except ValueError as error:
        raise Refused(409, str(error), "org") from None
    return done()


@routes.of_org("orgs.clone", "POST", "clone", "Make an org with the same schema and records")
async def clone(call: ControlCall) -> Reply:
    return answer(call.world.info(call.world.clone(call.org), call.base_url), 201)


@routes.of_org("orgs.snapshot", "POST", "snapshots", "Keep the records as they are now, or write them to a file")
async def snapshot(call: ControlCall) -> Reply:
    with call.reading("file", what="a snapshot") as body:
        file = body.text("file")
    if file is None:
        return answer({"snapshot": call.world.snapshot(call.org)}, 201)
    path = _path(file)
    try:
        await snapshots.write_aside(call.org, path)
    except OSError as error:
        raise Refused(400, f"cannot write {path}: {error.strerror or error}", "file") from None
    return answer({"file": str(path)}, 201)


@routes.of_org("orgs.restore", "POST", "restore", "Put the records back to a snapshot, by its name or file")
async def restore(call: ControlCall) -> Reply:
    with call.reading("snapshot", "file", what="a restore") as body:
        name, file = body.text("snapshot"), body.text("file")
        if ("snapshot" in body) == ("file" in body):
            body.refuse("snapshot", "a restore needs the name of a snapshot, or its file")
    try:
        if file is not None:
            call.world.restore_file(call.org, _path(file))
        else:
            call.world.restore(call.org, name or "")
    except KeyError:
        raise Refused(404, f"there is no snapshot {name}", "snapshot") from None
    except SnapshotError as error:
        raise Refused(400, str(error), "file") from None
    return done()


def _path(file: str) -> Path:
    if "\0" in file:
        raise Refused(400, "the file's name is none", "file")
    return Path(file).absolute()


@routes.of_org("orgs.reset", "POST", "reset", "Put the org back to how it was made")
async def reset(call: ControlCall) -> Reply:
    call.world.reset(call.org)
    return done()
