"""Makes the values of rows: Faker for people and companies, seeded, a column at a time."""

from __future__ import annotations

import datetime as dates
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from mock_server.documents import nearest
from mock_server.org.chance import Random, stream
from mock_server.org.clock import stamp
from mock_server.seeding import plans
from mock_server.seeding.plans import Between, Choice, FieldPlan, Fixed, GivenRecords, Provider, Records, Ref, Sparse

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
_PATIENCE = 2_000
"""How often in a row a value may come that was there before."""
_MOST = 1_000
"""The most of anything else: words, sentences, folders of a path."""


class ProviderError(ValueError):
    """A provider that does not exist, or does not do what it is asked; `nearest` is the name that was meant."""

    def __init__(self, message: str, near: str | None = None) -> None:
        super().__init__(message)
        self.nearest = near


@cache
def faker(locale: str = "en_US") -> Any:
    """Return Faker for a locale. Raises ProviderError for one that it does not have."""
    from faker import Faker
    from faker.config import AVAILABLE_LOCALES

    if locale not in AVAILABLE_LOCALES:
        near = nearest(locale, AVAILABLE_LOCALES)
        raise ProviderError(f"Faker has no locale {locale[:20]!r}", near)
    return Faker(locale, use_weighting=False)


@cache
def providers() -> frozenset[str]:
    """Return the names of the Faker providers that make one plain value, and `canary`."""
    return frozenset((CANARY,)) | frozenset(
        name
        for provider in faker().get_providers()
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
        source = faker(plan.locale)
        source.seed_instance("a try")
        value = getattr(source, plan.name)(**_arguments(plan))
    except ProviderError:
        raise
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
                # A parent that is named by nothing is none.
                if value is not None:
                    row.setdefault(parent, {})[inner] = value
            else:
                row[name] = value
    return made


def column(
    name: str, plan: FieldPlan, count: int, seed: int, purpose: str, parents: Sequence[Records]
) -> Iterable[Any]:
    """Return the values of one field. Raises ProviderError where there are not enough unique ones."""
    if isinstance(plan, Sparse):
        return thinned(column(name, plan.plan, count, seed, purpose, parents), plan.null, seed, purpose, name)
    if isinstance(plan, Fixed):
        return [plan.value] * count
    if isinstance(plan, Ref):
        choices = parent_values(plan, seed, parents)
        return [choices[place] for place in picks(plan, len(choices), count, seed, purpose)]
    if isinstance(plan, Choice):
        return stream(seed, purpose, name, "choice").choices(plan.values, plan.weights, k=count)
    if isinstance(plan, plans.Sequence):
        return _sequence(plan, count)
    if isinstance(plan, Between):
        return _between(plan, count, stream(seed, purpose, name, "between"))
    if plan.name == CANARY:
        chance = stream(seed, purpose, name, CANARY)
        return [f"sfmock-canary-{chance.getrandbits(64):016x}" for _ in range(count)]
    source, arguments = faker(plan.locale), _arguments(plan)
    source.seed_instance(f"{seed}:{purpose}/{name}")
    make = getattr(source, plan.name)
    if plan.unique:
        return _unique(name, plan, lambda: _plain(make(**arguments)), count)
    if not arguments:
        return [_plain(make()) for _ in range(count)]
    return [_plain(make(**arguments)) for _ in range(count)]


def thinned(made: Iterable[Any], share: float, seed: int, purpose: str, name: str) -> list[Any]:
    """Return values of which a share is left out."""
    chance = stream(seed, purpose, name, "null")
    return [None if chance.random() < share else value for value in made]


def _unique(name: str, plan: Provider, make: Callable[[], Any], count: int) -> list[Any]:
    """Make values until there are enough different ones; text that differs in case alone counts as the same."""
    made: dict[Any, Any] = {}
    misses = 0
    while len(made) < count:
        value = make()
        key = value.casefold() if isinstance(value, str) else value
        misses = misses + 1 if key in made else 0
        if misses > _PATIENCE:
            raise ProviderError(f"{plan.name} makes {len(made)} different values of {name}, not {count}")
        made.setdefault(key, value)
    return list(made.values())


def _sequence(plan: plans.Sequence, count: int) -> list[Any]:
    numbers = range(plan.start, plan.start + plan.step * count, plan.step)
    if plan.head is None:
        return list(numbers)
    return [f"{plan.head}{number:0{plan.digits}d}{plan.tail}" for number in numbers]


def bound(value: Any, kind: str) -> float:
    """Return a bound as a number: of a day or a moment, days or seconds. Raises ValueError for a day that is none."""
    if kind == "date":
        return dates.date.fromisoformat(value).toordinal()
    if kind == "datetime":
        return dates.datetime.fromisoformat(value).timestamp()
    return float(value)


def _between(plan: Between, count: int, chance: Random) -> list[Any]:
    if plan.kind == "int":
        return [chance.randint(plan.least, plan.most) for _ in range(count)]
    least, most = bound(plan.least, plan.kind), bound(plan.most, plan.kind)
    if plan.kind == "float":
        return [round(chance.uniform(least, most), 6) for _ in range(count)]
    numbers = [chance.randint(int(least), int(most)) for _ in range(count)]
    if plan.kind == "date":
        return [dates.date.fromordinal(number).isoformat() for number in numbers]
    return [stamp(number) for number in numbers]


def picks(ref: Ref, choices: int, count: int, seed: int, purpose: str) -> list[int]:
    """Pick a parent for each row."""
    if ref.pick == "round_robin":
        return [place % choices for place in range(count)]
    chance = stream(seed, purpose, "parent", ref.sobject.lower())
    if ref.weights is None:
        return [chance.randrange(choices) for _ in range(count)]
    weights = [ref.weights[place % len(ref.weights)] for place in range(choices)]
    if not any(weights):
        raise ProviderError(f"no {ref.sobject} has a weight above 0")
    return chance.choices(range(choices), weights, k=count)


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
