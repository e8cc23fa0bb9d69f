"""What a new org is made from: its schema, its users and apps, and what is declared to run in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import orjson

from mock_server.automation import DeclaredHook
from mock_server.declarations import Declaration
from mock_server.org.automation import HookError
from mock_server.org.clock import Mode
from mock_server.org.org import Org
from mock_server.org.schema import Schema
from mock_server.tuning import Tuning

_MOST_SCHEMAS = 8


@dataclass(frozen=True)
class OrgSpec:
    """What a new org is made from.

    `template` is the id of an org whose schema and records it starts with. `login` holds what its user and app are
    known by, where not by the usual names; of several orgs that share a name the newest is found.
    `start` is what its clock shows at first, in seconds since 1970; None for the time of day.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    objects: Mapping[str, Any] = field(default_factory=dict)
    definitions: Mapping[str, Any] = field(default_factory=dict)
    """What lies below `objects` and `fields`: all kinds of definitions, as the sources of a schema are read into."""
    schema: Schema | None = None
    """A schema that is made already; the definitions come on top."""
    limits: Mapping[str, int] = field(default_factory=dict)
    login: Mapping[str, str] = field(default_factory=dict, repr=False)
    users: Any = field(default=None, repr=False)
    """Further users, as `identity.given` reads them."""
    speaker: Any = field(default=None, repr=False)
    """The user whose credentials clients are told (`as`): a name, or a definition of his own."""
    apps: Any = field(default=None, repr=False)
    """Further connected apps, as `identity.given_apps` reads them."""
    security: Any = None
    """The security settings, likewise."""
    seed: int = 0
    journal: Literal["bounded", "whole"] = "bounded"
    clock: Mode = "real"
    start: float | None = None
    tuning: Tuning = field(default_factory=Tuning)
    template: str | None = None
    automation: tuple[DeclaredHook, ...] = ()
    declared: Mapping[str, tuple[Declaration, ...]] = field(default_factory=dict, repr=False)
    """What else was declared, by its kind in `declarations.KINDS`."""
    data: Path | None = None


class WrongHook(ValueError):
    """A declared hook, endpoint or process that the org cannot have; `path` leads to what is wrong."""

    def __init__(self, error: HookError, kind: str, place: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.path: tuple[str | int, ...] = (kind, place, *error.path)


class Schemas:
    """The schemas that the orgs of a process were made with last."""

    def __init__(self) -> None:
        self._made: dict[bytes, Schema] = {}

    def of(self, spec: OrgSpec, template: Org | None) -> Schema:
        """Return the schema of a new org; orgs that are made from equal definitions share its objects."""
        if template is not None:
            schema = template.schema.copy()
            schema.add(spec.objects, spec.fields, spec.definitions)
            return schema
        if spec.schema is not None:
            schema = spec.schema.copy()
            schema.add(spec.objects, spec.fields, spec.definitions)
            return schema
        if not (spec.objects or spec.fields or spec.definitions):
            return Schema()
        try:
            key = orjson.dumps([spec.definitions, spec.objects, spec.fields], option=orjson.OPT_NON_STR_KEYS)
        except TypeError:
            key = b""
        known = self._made.get(key) if key else None
        if known is None:
            known = Schema()
            known.add(spec.objects, spec.fields, spec.definitions)
            if key:
                while len(self._made) >= _MOST_SCHEMAS:
                    del self._made[next(iter(self._made))]
                self._made[key] = known
        return known.copy()


def enrol(org: Org, spec: OrgSpec) -> None:
    """Write the users and apps that an org is made with; one without any does not even load how that is done."""
    schema = org.schema
    said = (spec.users, spec.speaker, spec.apps, spec.security)
    if all(one is None for one in said) and not (schema.profiles or schema.permission_sets or schema.apps):
        return
    from mock_server.org.identity import enrolment, given_apps

    if spec.security is not None:
        org.admission.security = given_apps.read_security(spec.security)
    enrolment.declare(org, schema.profiles, schema.permission_sets)
    enrolment.settle(org, spec.users, spec.speaker, kept=spec.data is not None)
    for name, definition in schema.apps.items():
        app = given_apps.read_app(definition, ("apps", name), lenient=True)
        # Metadata may name a user whom nobody has declared here.
        known = org.directory.knows(app.run_as)
        enrolment.add_app(org, app if known else replace(app, run_as=""), ("apps", name), checked=False)
    for place, app in enumerate(given_apps.read_apps(spec.apps) if spec.apps is not None else ()):
        enrolment.add_app(org, app, ("apps", place))


def declare(org: Org, spec: OrgSpec) -> None:
    """Declare the hooks. Raises WrongHook."""
    for place, hook in enumerate(spec.automation):
        try:
            hook.add_to(org.automation)
        except HookError as error:
            raise WrongHook(error, "automation", place) from None


def equip(org: Org, spec: OrgSpec) -> None:
    """Declare what may name users, who are there by now. Raises WrongHook."""
    if org.schema.outbound_messages or org.schema.named_credentials:
        from mock_server.org.outbound.given import adopt

        adopt(org)
    for kind, listed in spec.declared.items():
        for place, one in enumerate(listed):
            try:
                one.add_to(org)
            except HookError as error:
                raise WrongHook(error, kind, place) from None
