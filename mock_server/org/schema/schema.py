"""The schema of one org: the bundled objects, changed and joined by what the org's owner declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

from mock_server.org.clock import Clock
from mock_server.org.schema import standard
from mock_server.org.schema.definitions import KINDS, Definitions
from mock_server.org.schema.derived import (
    CAPTURED,
    can_be_captured,
    change_event,
    change_event_label,
    change_event_name,
    changing,
)
from mock_server.org.schema.errors import Place, SchemaError, SchemaErrors
from mock_server.org.schema.shares import opened_share
from mock_server.org.schema.types import SObject

if TYPE_CHECKING:
    from mock_server.org.schema.build import Build
    from mock_server.org.schema.rows import Row

__all__ = ["Schema", "SchemaError"]


@cache
def _folded_names() -> dict[str, str]:
    return {name.lower(): name for name in standard.rows()}


@cache
def _prefixes() -> dict[str, str]:
    # A prefix that several objects share leads to the one that describes itself first.
    out: dict[str, str] = {}
    for name, (prefix, _) in standard.rows().items():
        if prefix:
            out.setdefault(prefix, name)
    return out


@cache
def _standard_events() -> tuple[str, ...]:
    return tuple(change_event_name(name) for name in sorted(CAPTURED) if name in standard.rows())


_PRISTINE = 1
_versions = count(_PRISTINE + 1)


class Schema:
    """Objects by name. `version` tells contents apart, in the whole process: what was derived is known by it.

    Schemas of one version have the same objects: orgs share objects, and so what is remembered with them.
    """

    def __init__(self) -> None:
        self.version = _PRISTINE
        self.changed = 0.0
        """When it changed last, by the clock that it follows; the org's birth at first."""
        self._clock: Clock | None = None
        self._own: dict[str, SObject] = {}
        self._own_folded: dict[str, str] = {}
        self._own_prefixes: dict[str, str] = {}
        self.records: dict[str, tuple[Row, ...]] = {}
        """Rows that every org with this schema has from its beginning, by object."""
        self.profiles: Mapping[str, Any] = {}
        self.permission_sets: Mapping[str, Any] = {}
        """Profiles and permission sets by name, as they were defined: `identity.given` reads them."""
        self.apps: Mapping[str, Any] = {}
        """Connected apps by name, likewise: `identity.given_apps` reads them."""
        self.tooling: Schema | None = None
        """What the Tooling API shows of it, once somebody asked: `org.tooling.view`."""
        self.quick_actions: Mapping[str, Any] = {}
        """Quick actions by name, those of an object as `Account.Call`: `standard.quick_actions` reads them."""
        self.outbound_messages: Mapping[str, Any] = {}
        self.named_credentials: Mapping[str, Any] = {}
        """What orgs send and by whose name, as it was defined: `outbound.given` reads them."""
        self.channels: Mapping[str, Any] = {}
        """Channels of platform events and change events by name, with their members, as they were defined."""

    @classmethod
    def load(cls, definitions: Definitions) -> Schema:
        """Return the bundled objects with definitions on top, validated whole. Raises SchemaErrors with all mistakes.

        What is left out is added to the notes of the definitions.
        """
        problems = list(definitions.problems)
        blank = cls()
        build, found = blank._build(definitions.data)
        # What a broken file should have defined is not missed once more at every place that names it.
        problems += [definitions.problem(error) for error in build.problems if not (problems and error.missing)]
        if problems:
            raise SchemaErrors(sorted(problems, key=lambda problem: problem.place))
        for path, text in build.notes:
            definitions.note("warning", definitions.place(path) or Place("schema"), text)
        return found

    def get(self, name: str) -> SObject | None:
        """Find an object by its name in any case."""
        found = self._own.get(name)
        if found is not None:
            return found
        if name not in standard.rows():
            folded = name.lower()
            exact = self._own_folded.get(folded) or _folded_names().get(folded)
            if exact is None:
                return self._change_event(name, folded) if folded.endswith("changeevent") else None
            return self._own.get(exact) or standard.load(exact)
        return standard.load(name)

    def has(self, name: str) -> bool:
        """Tell whether there is an object of exactly that name, without reading it."""
        if name in self._own or name in standard.rows():
            return True
        return name.endswith("ChangeEvent") and (name in _standard_events() or name in self._custom_events())

    def _change_event(self, name: str, folded: str) -> SObject | None:
        """Find the change event of an object by its name in any case; it is made when first asked for."""
        base = folded.removesuffix("changeevent")
        sobject = self.get(f"{base}c" if base.endswith("__") else base) if base else None
        if sobject is None or not can_be_captured(sobject) or change_event_name(sobject.name).lower() != folded:
            return None
        found = sobject.memo.get(change_event)
        if found is None:
            found = sobject.memo[change_event] = change_event(sobject)
        assert isinstance(found, SObject)
        return found

    def event_label(self, name: str) -> str:
        """Return the label of a change event that there is, without making it."""
        base = changing(name) or ""
        found = self._own.get(base)
        label = standard.head(base)["label"] if found is None else found.label
        return change_event_label(label, custom=found is not None and found.custom)

    def _custom_events(self) -> list[str]:
        return [change_event_name(name) for name, one in self._own.items() if one.custom and can_be_captured(one)]

    @property
    def whole(self) -> Schema:
        """The schema itself, where this is what a user sees of it."""
        return self

    def anywhere(self, name: str) -> SObject | None:
        """Find an object by its name in any case, even one that only the Tooling API shows."""
        return self.get(name) or self.tools().get(name)

    def anywhere_by_prefix(self, prefix: str) -> SObject | None:
        """Find the object whose ids begin with three characters, even one that only the Tooling API shows."""
        return self.by_prefix(prefix) or self.tools().by_prefix(prefix)

    def tools(self) -> Schema:
        """Return what the Tooling API shows of it."""
        from mock_server.org.tooling.view import tooling

        return tooling(self)

    @property
    def described(self) -> Schema:
        """The schema that rows of derived objects are about: itself, where it does not show another one."""
        return self

    def flags_of(self, name: str, flags: Iterable[str]) -> Iterable[str]:
        """Return those of an object's flags that hold for the user whose schema this is."""
        return flags

    def rows(self, sobject: SObject, table: str, ready: Callable[[SObject], None]) -> str | None:
        """Return the SQL that rows of `table` must meet to be seen, None where all are. `ready` makes tables."""
        return None

    def names(self) -> tuple[str, ...]:
        """Return the names of all objects, sorted."""
        return tuple(sorted({*standard.rows(), *self._own, *_standard_events(), *self._custom_events()}, key=str.lower))

    def own(self) -> Mapping[str, SObject]:
        """Return the objects that differ from the bundled ones."""
        return self._own

    def by_prefix(self, prefix: str) -> SObject | None:
        """Find the object whose ids begin with three characters."""
        name = self._own_prefixes.get(prefix) or _prefixes().get(prefix)
        return self.get(name) if name else None

    def follow(self, clock: Clock) -> None:
        """Note the times of changes by an org's clock from here on."""
        self._clock = clock
        self.changed = clock.now()

    def copy(self) -> Schema:
        """Return a schema that can change apart from this one; the objects themselves are shared."""
        other = Schema()
        other.become(self)
        return other

    def become(self, other: Schema) -> None:
        """Take over another schema's objects."""
        self._own = dict(other._own)
        self._own_folded = dict(other._own_folded)
        self._own_prefixes = dict(other._own_prefixes)
        self.records = dict(other.records)
        self.channels = dict(other.channels)
        self.quick_actions = dict(other.quick_actions)
        self.outbound_messages = dict(other.outbound_messages)
        self.named_credentials = dict(other.named_credentials)
        self.profiles = dict(other.profiles)
        self.apps = dict(other.apps)
        self.permission_sets = dict(other.permission_sets)
        self.version = other.version
        if self._clock is not None:
            self.changed = self._clock.now()

    def add(
        self, objects: Mapping[str, Any], fields: Mapping[str, Any], below: Mapping[str, Any] | None = None
    ) -> None:
        """Add inline objects and fields (see `inline` for their form), on top of definitions of all kinds.

        Raises SchemaError, with the schema unchanged, for the first mistake.
        """
        if not objects and not fields and not below and isinstance(objects, Mapping) and isinstance(fields, Mapping):
            return
        data: Mapping[str, Any] = {"objects": objects, "fields": fields}
        if below:
            together = Definitions()
            for layer in (below, data):
                for kind in KINDS:
                    if layer.get(kind) is not None and not isinstance(layer[kind], Mapping):
                        raise SchemaError((kind,), f"{kind} must be a mapping of names to their definitions")
                together.add(Definitions(data={kind: layer.get(kind) or {} for kind in KINDS}))
            data = together.data
        build, found = self._build(data)
        if build.problems:
            raise build.problems[0]
        self.become(found)

    def _build(self, definitions: Mapping[str, Any]) -> tuple[Build, Schema]:
        """Return this schema with definitions on top; it counts only if the build met no problems."""
        # An org of bundled objects alone need not know how others are made.
        from mock_server.org.schema.build import Build

        build = Build(self, definitions)
        trial = self.copy()
        trial.version = next(_versions)
        for sobject in build.run():
            trial._put(sobject)
        trial.records |= build.records
        if not build.problems:
            build.problems += trial._sum_up(definitions.get("fields") or {})
            # Roll-ups have their types by now.
            build.check_formulas(trial)
        channels = definitions.get("channels") or {}
        if channels and not build.problems:
            from mock_server.org.schema.channels import checked as checked_channels

            found, left_out_of, wrong = checked_channels(trial, channels)
            build.notes += left_out_of
            build.problems += wrong
            trial.channels = {**self.channels, **found}
        actions = definitions.get("quickActions") or {}
        if actions and not build.problems:
            from mock_server.org.standard.quick_actions import checked

            kept, notes = checked(trial, actions)
            build.notes += notes
            trial.quick_actions = {**self.quick_actions, **kept}
        messages, credentials = (definitions.get(kind) or {} for kind in ("outboundMessages", "namedCredentials"))
        if (messages or credentials) and not build.problems:
            from mock_server.org.outbound import given

            problems, notes = given.check(trial, messages, credentials)
            build.problems += problems
            build.notes += notes
        trial.outbound_messages = {**self.outbound_messages, **messages}
        trial.named_credentials = {**self.named_credentials, **credentials}
        profiles, sets = (definitions.get(kind) or {} for kind in ("profiles", "permissionSets"))
        if (profiles or sets) and not build.problems:
            from mock_server.org.identity.given import check_grants, left_out

            build.problems += check_grants(trial, profiles, sets)
            build.notes += left_out(trial, profiles, sets)
        apps = definitions.get("apps") or {}
        if apps and not build.problems:
            from mock_server.org.identity.given_apps import check_apps

            build.problems += check_apps(apps)
        trial.apps = {**self.apps, **apps}
        trial.profiles = {**self.profiles, **profiles}
        trial.permission_sets = {**self.permission_sets, **sets}
        return build, trial

    def _sum_up(self, fields: Mapping[str, Any]) -> list[SchemaError]:
        """Give roll-ups the types of what they sum up, now that all objects are there; return what is wrong with them.

        `fields` are definitions that stand apart from their objects': they say where a mistake was made.
        """
        summing = [one for one in self._own.values() if any(field.roll_up is not None for field in one.fields)]
        if not summing:
            return []
        from mock_server.org import rollups

        for sobject in summing:
            self._put(replace(sobject, fields=tuple(rollups.summed(self, field) for field in sobject.fields), memo={}))
        problems = []
        for problem in rollups.check(self):
            apart = problem.field in (fields.get(problem.sobject) or ())
            head = ("fields", problem.sobject) if apart else ("objects", problem.sobject, "fields")
            problems.append(SchemaError((*head, problem.field), problem.message, nearest=problem.nearest))
        return problems

    def _put(self, sobject: SObject) -> None:
        share = opened_share(sobject, self.get)
        if share is not None:
            self._put(share)
        self._own[sobject.name] = sobject
        self._own_folded[sobject.name.lower()] = sobject.name
        if sobject.key_prefix:
            self._own_prefixes[sobject.key_prefix] = sobject.name
