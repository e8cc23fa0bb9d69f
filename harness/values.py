"""Makes the values of rows: Faker for people and companies, seeded, a column at a time."""

from __future__ import annotations

import datetime as dates
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from harness.plans import FieldPlan, Fixed, GivenRecords, Provider, Records, Ref
from mock_server.documents import nearest
from mock_server.org.chance import stream

_PERSON = {"FirstName": Provider("first_name"), "LastName": Provider("last_name"), "Email": Provider("email")}
_YEAR = {"date_start": "2026-01-01", "date_end": "2026-12-31"}
DEFAULTS: dict[str, dict[str, FieldPlan]] = {
    "account": {"Name": Provider("company")},
    "case": {"Subject": Provider("sentence")},
    "contact": {**_PERSON},
    "lead": {**_PERSON, "Company": Provider("company")},
    "opportunity": {
        "Name": Provider("catch_phrase"),
        "StageName": Fixed("Prospecting"),
        "CloseDate": Provider("date_between_dates", _YEAR),
    },
    "product2": {"Name": Provider("word")},
    "task": {"Subject": Provider("sentence")},
}
"""What a row of an object holds where nothing else is said: the fields it cannot be saved without, and a few more."""

_NO_VALUES = frozenset(
    {"binary", "csv", "dsv", "enum", "fixed_width", "get_words_list", "image", "json", "json_bytes", "locale", "psv"}
    | {"pydict", "pyiterable", "pylist", "pyobject", "pyset", "pystruct", "pytuple", "tar", "time_series", "tsv"}
    | {"uuid1", "uuid7", "xml", "zip"}
)
"""Providers of more than one value, and those that draw from the machine in place of the seed."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
CANARY = "canary"
"""The provider of a secret that a subject has to deliver and must not let out."""
CANARY_PATTERN = r"sfmock-canary-[0-9a-f]{16}"
_BOUNDS = frozenset(("min", "max", "min_value", "max_value", "step"))
_LONGEST = 200_000
"""The most characters that a provider may be asked for; Salesforce's longest text has 131,072."""
_MOST = 1_000
"""The most of anything else: words, sentences, folders of a path."""


class ProviderError(ValueError):
    """A provider that does not exist, or does not do what it is asked; `nearest` is the name that was meant."""

    def __init__(self, message: str, near: str | None = None) -> None:
        super().__init__(message)
        self.nearest = near


@cache
def _faker() -> Any:
    from faker import Faker

    return Faker("en_US", use_weighting=False)


@cache
def providers() -> frozenset[str]:
    """Return the names of the Faker providers that make one plain value, and `canary`."""
    return frozenset((CANARY,)) | frozenset(
        name
        for provider in _faker().get_providers()
        for name in dir(provider)
        if not name.startswith("_") and name not in _NO_VALUES and callable(getattr(provider, name))
    )


def check(plan: Provider) -> None:
    """Try a provider once. Raises ProviderError."""
    if plan.name not in providers():
        raise ProviderError(f"there is no Faker provider {plan.name[:60]!r}", nearest(plan.name, providers()))
    if plan.name == CANARY:
        if plan.arguments:
            raise ProviderError(f"{CANARY} takes no arguments")
        return
    for name, value in plan.arguments.items():
        most = _LONGEST if name.endswith(("chars", "length")) else _MOST
        if name not in _BOUNDS and isinstance(value, int | float) and abs(value) > most:
            raise ProviderError(f"{plan.name}: {name} may be {most} at most")
    try:
        _faker().seed_instance("a try")
        value = getattr(_faker(), plan.name)(**_arguments(plan))
    except Exception as error:
        text = str(error).partition("\n")[0]
        raise ProviderError(f"{plan.name} cannot be called so: {text or type(error).__name__}") from None
    try:
        _plain(value)
    except TypeError:
        raise ProviderError(f"{plan.name} makes a {type(value).__name__}, which is no value of a field") from None


def _arguments(plan: Provider) -> dict[str, Any]:
    """Return the arguments with dates read as such: YAML has them as text."""
    return {name: _argument(value) for name, value in plan.arguments.items()}


def _argument(value: Any) -> Any:
    if isinstance(value, str) and _DATE.fullmatch(value):
        return dates.date.fromisoformat(value)
    return value


def _plain(value: Any) -> Any:
    """Return a value as JSON and Salesforce have it. Raises TypeError for what is no single value."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dates.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    if isinstance(value, dates.date):
        return value.isoformat()
    if isinstance(value, dates.time):
        return value.strftime("%H:%M:%S.000Z")
    raise TypeError(type(value).__name__)


def rows(
    fields: Mapping[str, FieldPlan], count: int, *, seed: int, purpose: str, parents: Sequence[Records] = ()
) -> list[dict[str, Any]]:
    """Make rows. Each column has its own stream of chance, so that another field or a greater count changes no value.

    A field `Account.Key__c` becomes a part of a mapping `Account`: the way to name a parent by its key.
    """
    made: list[dict[str, Any]] = [{} for _ in range(count)]
    for name, plan in fields.items():
        parent, _, inner = name.partition(".")
        for row, value in zip(made, column(name, plan, count, seed, purpose, parents), strict=True):
            if inner:
                row.setdefault(parent, {})[inner] = value
            else:
                row[name] = value
    return made


def column(
    name: str, plan: FieldPlan, count: int, seed: int, purpose: str, parents: Sequence[Records]
) -> Iterable[Any]:
    """Return the values of one field."""
    if isinstance(plan, Fixed):
        return [plan.value] * count
    if isinstance(plan, Ref):
        choices = parent_values(plan, seed, parents)
        return [choices[place] for place in picks(plan.sobject, len(choices), count, seed, purpose)]
    if plan.name == CANARY:
        chance = stream(seed, purpose, name, CANARY)
        return [f"sfmock-canary-{chance.getrandbits(64):016x}" for _ in range(count)]
    faker, arguments = _faker(), _arguments(plan)
    faker.seed_instance(f"{seed}:{purpose}/{name}")
    make = getattr(faker, plan.name)
    return [_plain(make(**arguments)) for _ in range(count)]


def picks(sobject: str, choices: int, count: int, seed: int, purpose: str) -> list[int]:
    """Pick a parent for each row."""
    chance = stream(seed, purpose, "parent", sobject.lower())
    return [chance.randrange(choices) for _ in range(count)]


def parent_values(ref: Ref, seed: int, parents: Sequence[Records]) -> list[Any]:
    """Return a field of every seeded record of an object, in the order of seeding."""
    values: list[Any] = []
    for place, source in enumerate(parents):
        if source.sobject.lower() != ref.sobject.lower():
            continue
        if isinstance(source, GivenRecords):
            values += [value_of(row, ref.field) for row in source.rows]
            continue
        field = next((name for name in source.fields if name.lower() == ref.field.lower()), None)
        if field is None:
            values += [None] * source.count
        else:
            values += column(field, source.fields[field], source.count, seed, purpose_of(place, source), parents)
    return values


def purpose_of(place: int, source: Records) -> str:
    """Return the name of the stream of chance of one source of seeded records."""
    return f"records/{place}/{source.sobject.lower()}"


def value_of(row: Mapping[str, Any], field: str) -> Any:
    """Return a field of a row by its name in any case."""
    wanted = field.lower()
    return next((value for name, value in row.items() if name.lower() == wanted), None)
