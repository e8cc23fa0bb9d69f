"""The orgs of one process, and how to find the one a request means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mock_server import declarations
from mock_server.documents import Problem
from mock_server.faults.effects.upload import CutUpload
from mock_server.faults.engine import Faults
from mock_server.job_saves import JobSaves
from mock_server.journal import EventNote, Journal
from mock_server.making import OrgSpec, Schemas, declare, enrol, equip
from mock_server.org import snapshots
from mock_server.org.automation import HookError
from mock_server.org.identity.directory import User
from mock_server.org.identity.signing import SigningKey
from mock_server.org.org import Org
from mock_server.org.seeded import write_rows
from mock_server.org.snapshots import Snapshot
from mock_server.org.versions import LATEST
from mock_server.origins import of_exchange
from mock_server.routing import Registry

if TYPE_CHECKING:
    from mock_server.org.events import Event, EventBus
    from mock_server.org.outbound.callouts import Callout
    from mock_server.org.outbound.outbound import Outbound

__all__ = ["OrgSpec", "World"]

KEPT_COMMITS = 10_000
"""Commits that an org with a bounded journal keeps: what lives long among short-lived objects slows all work down."""

CLIENT_VERSION = "66.0"
"""The API version that clients are told to use; the newest that is served, where that is older still."""


class World:
    """Every org of the process, with its faults and its journal."""

    def __init__(
        self,
        registry: Registry,
        default: OrgSpec | None = None,
        *,
        latest: int = LATEST,
        cors: Sequence[str] = (),
        callout_hosts: Sequence[str] = (),
    ) -> None:
        self.registry = registry
        self.latest = latest
        """The newest API version that its orgs serve."""
        self.cors = tuple(cors)
        """Patterns of the origins that all orgs allow, beside those of their own CorsWhitelistEntry records."""
        self.callout_hosts = frozenset(callout_hosts)
        """Hosts beyond this machine that orgs may send to."""
        self.address = ""
        """The URL at which the server is reached, once it is."""
        self.carry: Callable[[Org], None] = lambda org: None
        """Told of each org that has something to send."""
        self.orgs: dict[str, Org] = {}
        self._faults: dict[str, Faults] = {}
        self._journals: dict[str, Journal] = {}
        self._job_saves: dict[str, JobSaves] = {}
        self._specs: dict[str, OrgSpec] = {}
        self._snapshots: dict[tuple[str, str], Snapshot] = {}
        self._origins: dict[str, Snapshot] = {}
        self._planters: dict[str, Callable[[Org], object]] = {}
        self._by_15: dict[str, Org] = {}
        self._schemas = Schemas()
        self._created = 0
        self.pubsub_port: int | None = None
        """Where the Pub/Sub API of all orgs is served; None for a world without a network."""
        self.signing = SigningKey()
        self.trusted_key: str | None = None
        """The public key (PEM) that every org accepts in the JWT bearer grant."""
        self.default = self.create(default or OrgSpec())

    def create(self, spec: OrgSpec) -> Org:
        """Make an org.

        Raises SchemaError for a wrong definition, WrongHook for a hook, KeyError for an unknown template or limit.
        """
        template = self.orgs[spec.template] if spec.template else None
        schema = self._schemas.of(spec, template)
        self._created += 1
        keep = None if spec.journal == "whole" else KEPT_COMMITS
        org = Org(
            self._created,
            schema=schema,
            clock=spec.clock,
            start=spec.start,
            seed=spec.seed,
            data=spec.data,
            keep_commits=keep,
        )
        org.latest = self.latest
        org.on_outbound = lambda outbound: self._sends(org, outbound)
        try:
            if template is not None:
                org.store.load(template.store)
                org.ids.next_number = template.ids.next_number
                org.directory.inherit(template.directory)
                org.admission.security = deepcopy(template.admission.security)
                org.automation.become(template.automation)
                declarations.inherit(org, template)
            declare(org, spec)
            if spec.login:
                org.directory.rename(spec.login)
            org.directory.seed()
            write_rows(org)
            enrol(org, spec)
            # What was set in an earlier life counts over what the settings say.
            org.directory.recall()
            org.signing = self.signing
            equip(org, spec)
            org.resume_outbound()
            if self.trusted_key is not None:
                org.directory.trust(self.trusted_key)
            spec.tuning.apply(org)
            for name, maximum in spec.limits.items():
                if name not in org.limits:
                    raise KeyError(name)
                org.limits.set(name, maximum)
        except BaseException:
            org.close()
            raise
        self.orgs[org.id] = self._by_15[org.id[:15]] = org
        if spec.data is None:
            self._origins[org.id] = org.snapshot()
        self._specs[org.id] = spec
        self._faults[org.id] = Faults(org, self.registry, seed=spec.seed)
        self._journals[org.id] = Journal() if keep else Journal(keep=None)
        self._job_saves[org.id] = JobSaves(org, self._faults[org.id], self._journals[org.id])
        org.on_events = partial(_watch, self._journals[org.id])
        if org.has_events:
            org.on_events(org.events)
        org.taken_elsewhere = lambda name: any(
            one.directory.knows(name) for one in self.orgs.values() if one is not org
        )
        org.resume_channels()
        if template is not None:
            org.resume_topics()
            org.resume_jobs()
        if org.sends:
            self.carry(org)
        return org

    def _sends(self, org: Org, outbound: Outbound) -> None:
        outbound.hosts = self.callout_hosts
        outbound.read_callout = partial(_declared_callout, org)
        if self.address:
            outbound.address = self.address
        if org.id in self.orgs:
            self.carry(org)

    def settle_at(self, address: str) -> None:
        """Let orgs say where they are reached."""
        self.address = address
        for org in self.orgs.values():
            if org.sends:
                org.outbound.address = address

    def plant(self, org: Org, planter: Callable[[Org], object]) -> None:
        """Fill an org with what it holds from the start, and after every reset. An org of an older file has it."""
        if not org.resumed:
            # What an org holds from the start nobody has changed.
            with org.captured.silenced():
                planter(org)
        if org.id in self._origins:
            self._origins[org.id] = org.snapshot()
        else:
            self._planters[org.id] = planter

    def clone(self, org: Org) -> Org:
        spec = self._specs[org.id]
        return self.create(
            OrgSpec(
                seed=spec.seed,
                journal=spec.journal,
                clock=spec.clock,
                start=spec.start,
                tuning=spec.tuning,
                template=org.id,
            )
        )

    def delete(self, org_id: str) -> None:
        """Forget an org. Raises KeyError for an unknown one, ValueError for the default org."""
        if org_id == self.default.id:
            raise ValueError("the default org stays; reset it instead")
        self.orgs.pop(org_id).close()
        del self._by_15[org_id[:15]]
        for table in (self._faults, self._journals, self._job_saves, self._specs, self._origins):
            table.pop(org_id, None)
        for key in [key for key in self._snapshots if key[0] == org_id]:
            del self._snapshots[key]

    def snapshot(self, org: Org) -> str:
        """Keep the org's records as they are now; return the snapshot's name."""
        name = f"s{sum(key[0] == org.id for key in self._snapshots) + 1}"
        self._snapshots[org.id, name] = org.snapshot()
        return name

    def restore_file(self, org: Org, path: Path) -> None:
        """Put the org's records back to those of a snapshot file. Raises SnapshotError."""
        snapshots.read(org, path)
        self._journals[org.id].clear()

    def restore(self, org: Org, name: str) -> None:
        """Put the org's records back. Raises KeyError for an unknown snapshot."""
        org.restore(self._snapshots[org.id, name])
        self._journals[org.id].clear()

    def reset(self, org: Org) -> None:
        """Put the org back to how it was made: records, limits, faults and journal; its sessions stay."""
        origin = self._origins.get(org.id)
        if origin is None:
            self._empty(org)
        else:
            org.restore(origin)
        if origin is None and org.id in self._planters:
            with org.captured.silenced():
                self._planters[org.id](org)
        org.moved = False
        org.limits.reset()
        org.automation.clear()
        declarations.clear(org)
        declare(org, self._specs[org.id])
        equip(org, self._specs[org.id])
        self._faults[org.id].clear()
        self._journals[org.id].clear()

    def _empty(self, org: Org) -> None:
        """Put an org that is kept in a file back to its beginning: no copy of all its records is held for that."""
        blank = Org(org.number, schema=org.schema.copy())
        if self._specs[org.id].login:
            blank.directory.rename(self._specs[org.id].login)
        blank.directory.seed()
        write_rows(blank)
        enrol(blank, self._specs[org.id])
        org.restore(blank.snapshot())
        org.directory.inherit(blank.directory)

    def info(self, org: Org, base_url: str, user: User | None = None) -> dict[str, str]:
        """Return all that a client needs to use an org: its user, its app, a live session and a refresh token.

        `user` is another one than the org's clients are told.
        """
        user, app = user or org.directory.told_user, org.directory.default_app
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
            "login_url": base_url,
            "instance_url": base_url,
            "api_version": min(CLIENT_VERSION, f"{self.latest}.0"),
            "pubsub_endpoint": f"{_host(base_url)}:{self.pubsub_port}" if self.pubsub_port else "",
        }

    def faults_of(self, org: Org) -> Faults:
        return self._faults[org.id]

    def cuts_uploads(self) -> bool:
        """Tell whether any org has a rule by which uploads break off."""
        return any(faults.has(CutUpload.key) for faults in self._faults.values())

    def job_saves_of(self, org: Org) -> JobSaves:
        return self._job_saves[org.id]

    def journal_of(self, org: Org) -> Journal:
        return self._journals[org.id]

    # -- finding the org a request means

    def by_token(self, token: str) -> Org | None:
        """Find the org whose id an access token begins with."""
        if len(token) < 16 or token[15] != "!":
            return None
        return self._by_15.get(token[:15])

    def by_any_token(self, token: str) -> Org | None:
        """Find the org of an access token, or of a refresh token or a code that it issued."""
        return self.by_token(token) or next((org for org in self.orgs.values() if _issued(org, token)), None)

    def by_username(self, username: str) -> Org | None:
        return next((org for org in self._newest_first() if org.directory.knows(username)), None)

    def by_client_id(self, client_id: str) -> Org | None:
        """Find the org that has registered an app. Those of the platform belong to none."""
        return next((org for org in self._newest_first() if client_id in org.directory.apps), None)

    def _newest_first(self) -> Iterator[Org]:
        return reversed(self.orgs.values())

    def close(self) -> None:
        for org in self.orgs.values():
            org.close()


def _declared_callout(org: Org, given: Mapping[str, Any]) -> Callout:
    """Return a callout as it was declared in an earlier life. Raises HookError."""
    from mock_server.outbound.declared_callouts import read_one

    problems: list[Problem] = []
    read = read_one(given, (), problems)
    if read is None:
        raise HookError(problems[0].message, ())
    return read.check(org)


def _watch(journal: Journal, bus: EventBus) -> None:
    """Have the journal know what is published, and changes know where they came from."""
    bus.on_published.append(partial(_note_published, journal))
    bus.changes.origin = partial(of_exchange, journal)


def _host(url: str) -> str:
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host


def _note_published(journal: Journal, events: Sequence[Event]) -> None:
    """Note on the exchanges that published events that they did."""
    for number, caused in groupby(events, lambda event: event.exchange):
        entry = journal.entry(number) if number else None
        if entry is not None:
            journal.told(
                entry,
                [EventNote(event.at, "published", _channel_of(event), event.replay_id, event.uuid) for event in caused],
            )


def _channel_of(event: Event) -> str:
    return event.name if event.kind == "generic" else f"/event/{event.name}"


def _issued(org: Org, token: str) -> bool:
    return org.sessions.issued_refresh(token) is not None or org.authorizations.knows(token) or org.devices.knows(token)
