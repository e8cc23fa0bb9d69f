"""The org as a test or a callable subject holds it: what a client needs to log in, and handles to steer it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

Work = TypeVar("Work", bound=Callable[..., object])

if TYPE_CHECKING:
    from harness.respx_route import SalesforceRouter
    from mock_server.api import Server
    from mock_server.control.client import CommitRow, ControlClient, OrgInfo


class Credentials(Mapping[str, str]):
    """What a client needs to log in: a mapping of the `SF_...` variables, and attributes named after them.

    `credentials.username` is `credentials["SF_USERNAME"]`. Its `repr` shows no secret.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = dict(variables)

    def __getitem__(self, name: str) -> str:
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def __getattr__(self, name: str) -> str:
        try:
            return self.__dict__["_variables"][f"SF_{name.upper()}"]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(f"credentials have no {name}") from None

    def __repr__(self) -> str:
        return f"<Credentials of {self._variables.get('SF_USERNAME', '?')}>"


class FaultHandle:
    """Adds and removes fault rules, in the grammar of scenario files."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control

    def add(self, rule: Mapping[str, Any] | None = None, /, **keys: Any) -> str:
        """Put a rule in force, given as a mapping or as keywords; return its name.

        `add(on="rest.query.*", status=503, when={"times": 1})`. Raises ControlError for a rule that can never strike.
        """
        return self._control.add_fault({**(rule or {}), **keys})

    def clear(self) -> None:
        self._control.clear_faults()

    def fired(self, name: str) -> int:
        """Return how often a rule has struck. Raises KeyError for an unknown one."""
        return {fault.name: fault.fired for fault in self._control.faults()}[name]


class RecordHandle:
    """Puts records into the org and reads them, past limits, faults and the journal."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control

    def seed(self, sobject: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Save records, all or none; return their ids."""
        return self._control.seed(sobject, rows)

    def query(self, soql: str) -> list[dict[str, Any]]:
        """Return all records of a query."""
        return self._control.records(soql)


class LimitHandle:
    def __init__(self, control: ControlClient) -> None:
        self._control = control

    def set(self, name: str, *, maximum: int | None = None, remaining: int | None = None) -> None:
        """Change a limit (`DailyApiRequests`), or what is left of it."""
        self._control.set_limit(name, maximum=maximum, remaining=remaining)

    def __getitem__(self, name: str) -> dict[str, int]:
        found: dict[str, int] = self._control.limits()[name]
        return found


class ClockHandle:
    def __init__(self, control: ControlClient) -> None:
        self._control = control

    def now(self) -> float:
        """Return the org's time in seconds since 1970."""
        return self._control.clock().now

    def advance(self, seconds: float) -> float:
        """Move the org's time forward; return the new time."""
        return self._control.advance(seconds)


class OrgHandle:
    """One org: `credentials`, and `faults`, `records`, `limits`, `clock`, `journal()`, `commits()` to steer and see it.

    Whatever the credentials hold is an attribute too: `org.instance_url`, `org.access_token`, `org.username`.
    """

    def __init__(self, info: OrgInfo, server: Server, *, scheme: Literal["http", "https"] = "http") -> None:
        from mock_server.environment import client_environment

        self.id = info.id
        self.user_id = info.user_id
        self._server = server
        self.control = server.control.for_org(info.id)
        self.environment = client_environment(info, server.url, str(server.ca_bundle))
        """The variables that point a client, in another process too, at this org."""
        logins = {name: value for name, value in self.environment.items() if name.startswith("SF_")}
        if scheme == "http":
            # Nothing to trust, nothing to set: what a test in this process wants.
            logins |= {"SF_LOGIN_URL": server.url, "SF_INSTANCE_URL": server.url}
        self.credentials = Credentials(logins)
        self.faults = FaultHandle(self.control)
        self.records = RecordHandle(self.control)
        self.limits = LimitHandle(self.control)
        self.clock = ClockHandle(self.control)

    def snapshot(self, path: str | os.PathLike[str]) -> None:
        """Write all records to a file, from which `restore` puts them back, in this org or another of its schema."""
        self.control.write_snapshot(os.path.abspath(path))

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Put all records back to those of a snapshot file. Raises ControlError where the org has no place for them."""
        self.control.read_snapshot(os.path.abspath(path))

    def before(self, sobject: str, *events: str, name: str | None = None) -> Callable[[Work], Work]:
        """Decorate a function that is to run before records of an object are saved: `@org.before("Contact", "insert")`.

        It is called with a Trigger, on the server's thread. Events are insert, update, delete and undelete; `name` is
        what its errors call it. Raises ValueError for what can never run.
        """
        return self._hook(sobject, events, "before", name)

    def after(self, sobject: str, *events: str, name: str | None = None) -> Callable[[Work], Work]:
        """Decorate a function that is to run after records of an object were saved, within the same transaction."""
        return self._hook(sobject, events, "after", name)

    def _hook(self, sobject: str, events: Sequence[str], at: str, name: str | None) -> Callable[[Work], Work]:
        def add(work: Work) -> Work:
            self._server.add_hook(self.id, sobject, events, work, at=at, name=name)
            return work

        return add

    def automation(self, declared: Mapping[str, Any] | None = None, /, **keys: Any) -> str:
        """Declare a trigger by what it costs, given as a mapping or as keywords; return its name.

        `automation(object="Contact", on=["insert", "update"], cost={"soql": "1 per record"})`. Raises ControlError for
        one that can never run.
        """
        return self.control.add_automation({**(declared or {}), **keys})

    def apex_rest(
        self,
        path: str,
        *methods: str,
        name: str | None = None,
        namespace: str | None = None,
        profiles: Sequence[str] = (),
        permission_sets: Sequence[str] = (),
        system: bool = False,
    ) -> Callable[[Work], Work]:
        """Decorate a function that answers `/services/apexrest` + path: `@org.apex_rest("/orders/{number}", "GET")`.

        It is called with a Request, on the server's thread, within a transaction in the caller's name (with `system`,
        whatever the caller may do); what it returns is the body, or `request.answer(body, status=404)`. `name` is the
        Apex class that errors name. Raises ValueError for what can never be called.
        """
        from mock_server.org.apex.endpoints import Endpoint, methods_of, named_after

        def add(work: Work) -> Work:
            endpoint = Endpoint(
                name or named_after(path), path, methods_of(methods or ("GET",)), work, namespace,
                tuple(profiles), tuple(permission_sets), system,
            )  # fmt: skip
            self._server.add_endpoint(self.id, endpoint)
            return work

        return add

    def invocable(
        self,
        name: str | None = None,
        *,
        kind: str = "apex",
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
        label: str = "",
        system: bool = False,
    ) -> Callable[[Work], Work]:
        """Decorate a function that is an invocable action: `@org.invocable("Score", inputs={"leadId": "ID"})`.

        It is called once an input with an Invocation, each time in a transaction of its own, and returns the values of
        the outputs. Inputs and outputs are types, or `{"type": "ID", "required": True, "many": True}`. `kind` is apex
        or flow. Raises ValueError for what can never be called.
        """
        from mock_server.actions import read_parameters
        from mock_server.org.apex.actions import Action

        def add(work: Work) -> Work:
            title = name or work.__name__
            takes, gives = read_parameters(inputs or {}, "inputs"), read_parameters(outputs or {}, "outputs")
            self._server.add_action(
                self.id, Action(title, kind, cast(Any, work), label or title, None, takes, gives, system=system)
            )
            return work

        return add

    def declare(self, kind: str, declared: Mapping[str, Any] | None = None, /, **keys: Any) -> dict[str, Any]:
        """Declare one more of what the org runs, given as a mapping or as keywords; return it as the org has it.

        `declare("apexrest", path="/ping", body={"up": True})`. Raises ControlError for one that can never run.
        """
        made: dict[str, Any] = self.control.declare(kind, {**(declared or {}), **keys})
        return made

    def __getattr__(self, name: str) -> str:
        if name in ("credentials", "_server"):  # not there before __init__ has run (copying, unpickling)
            raise AttributeError(name)
        return str(getattr(self.credentials, name))

    def __repr__(self) -> str:
        return f"<Salesforce org {self.id}>"

    def respx(self, **options: Any) -> SalesforceRouter:
        """Return a respx router, for a `with`: httpx then reaches Salesforce's hosts through it, without a network.

        Options are those of `respx.mock`. Raises ModuleNotFoundError when respx or httpx is not installed.
        """
        for needed in ("httpx", "respx"):
            try:
                importlib.import_module(needed)
            except ModuleNotFoundError:
                text = f"the respx route needs {needed}, which is not installed: pip install httpx respx"
                raise ModuleNotFoundError(text, name=needed) from None
        from harness.respx_route import SalesforceRouter

        return SalesforceRouter(self._server, **options)

    def user(self, **definition: Any) -> Credentials:
        """Make a user who may do what the definition lists, and nothing else; return what he logs in with.

        `user(objects={"Contact": ["read", "create"]}, fields={"Contact": {"Birthdate": "none"}})`: the keys are those
        of `users` in a scenario's `org`; the username may be left out. Raises ControlError for a definition that is
        wrong.
        """
        info = self.control.create_user(definition)
        told = {"SF_USERNAME": info.username, "SF_PASSWORD": info.password, "SF_SECURITY_TOKEN": info.security_token}
        return Credentials({**self.credentials, **told, "SF_ACCESS_TOKEN": info.access_token})

    def app(self, **definition: Any) -> Credentials:
        """Register a connected app; return the credentials with its client id and secret.

        `app(clientId="3MVG9sync", clientSecret="hush", scopes=["api"], approved=["sync@acme.test"])`: the keys are
        those of `apps` in a scenario's `org`. Raises ControlError for a definition that is wrong.
        """
        info = self.control.create_app(definition)
        return Credentials({**self.credentials, "SF_CLIENT_ID": info.client_id, "SF_CLIENT_SECRET": info.client_secret})

    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the exchanges after a number, oldest first."""
        return self.control.journal(since)

    def events(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the events that are retained after a replay id, oldest first."""
        return self.control.events(since)

    def publish(self, channel: str, payloads: Iterable[Mapping[str, Any]]) -> list[str]:
        """Publish platform events to a channel (`/event/Order__e`) past limits; return their EventUuids."""
        return self.control.publish(channel, payloads)

    def subscribers(self) -> list[dict[str, Any]]:
        """Return the subscriptions that there are now."""
        return self.control.subscribers()

    def commits(self, since: int = 0) -> list[CommitRow]:
        """Return the committed changes after a number, oldest first."""
        return self.control.commits(since)
