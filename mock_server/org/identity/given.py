"""Users, profiles and permission sets as a user of the mock declares them, in YAML or JSON.

users:
  - username: sync@acme.test
    objects: {Contact: [read, create, edit], Account: read}
    fields: {Contact: {Birthdate: none, Email: read}}
    system: [ViewSetup]
    customPermissions: [Reopen_Projects]
    permissionSets: [Rental_User]

`objects` opens an object with all its fields; `fields` says otherwise for some of them, `"*"` for all that it does not
name. An object of `fields` alone is opened as far as they ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mock_server.org.identity import logins
from mock_server.org.identity.families import family_of
from mock_server.org.identity.given_apps import RULE_KEYS, read_rules
from mock_server.org.identity.grants import RIGHTS, Grant, needs_permission, with_implied
from mock_server.org.identity.security import Rules
from mock_server.org.schema import Schema, SchemaError
from mock_server.org.schema.errors import Path, brief, close
from mock_server.org.schema.types import SObject
from mock_server.org.zones import is_zone

GRANT_KEYS = ("objects", "fields", "system", "customPermissions")
SET_KEYS = ("label", *GRANT_KEYS, *RULE_KEYS)
USER_KEYS = (
    "username", "password", "securityToken", "profile", "permissionSets", *GRANT_KEYS, "firstName", "lastName", "email",
    "active", "timeZone", "locale", "language", "trustedNetwork", *RULE_KEYS,
)  # fmt: skip
_ALL = frozenset({"read", "create", "edit", "delete"})
_WORDS = (*RIGHTS, "all")
_FIELD_WORDS = ("none", "read", "edit")
_LONGEST = 255
_ACTIVITIES = {"Task": "EditTask", "Event": "EditEvent"}


@dataclass(frozen=True)
class GivenUser:
    """One declared user. `grant` is his alone; `profile` and `sets` are names."""

    path: Path
    username: str | None
    grant: Grant
    profile: str | None = None
    sets: tuple[str, ...] = ()
    active: bool = True
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    """`password`, `securityToken`, `firstName`, `lastName`, `email`, `timeZone`, `locale`, `language`."""
    rules: Rules | None = None
    """From where and when he may log in."""


def read_users(schema: Schema, given: Any, path: Path = ("users",)) -> list[GivenUser]:
    """Read a list of users. Raises SchemaError for the first mistake."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise SchemaError(path, "users is a list of mappings, each with what one user may do", USER_KEYS)
    users = [read_user(schema, one, (*path, place)) for place, one in enumerate(given)]
    names: set[str] = set()
    for user in users:
        if user.username is None:
            raise SchemaError(user.path, "a user needs a username")
        if user.username.lower() in names:
            raise SchemaError((*user.path, "username"), f"two users are called {user.username}")
        names.add(user.username.lower())
    return users


def read_user(schema: Schema, given: Any, path: Path) -> GivenUser:
    """Read one user. Raises SchemaError."""
    data = _mapping(path, given, USER_KEYS)
    username = _text(data, path, "username")
    if username is not None and not logins.is_username(username):
        raise SchemaError((*path, "username"), f"a username has the form of an email address, not {username[:80]!r}")
    active = data.get("active", True)
    if not isinstance(active, bool):
        raise SchemaError((*path, "active"), "true or false is needed here", ("true", "false"))
    sets = data.get("permissionSets") or []
    if isinstance(sets, str):
        sets = [sets]
    if not isinstance(sets, Sequence) or not all(isinstance(one, str) for one in sets):
        raise SchemaError((*path, "permissionSets"), "a list of names of permission sets is needed here")
    texts = ("password", "securityToken", "firstName", "lastName", "email", "timeZone", "locale", "language")
    return GivenUser(
        path,
        username,
        read_grant(schema, {key: data[key] for key in GRANT_KEYS if key in data}, path),
        _text(data, path, "profile"),
        tuple(sets),
        active,
        {key: text for key in texts if (text := _text(data, path, key)) is not None} | _places(schema, data, path),
        read_rules(data, path),
    )


_PLACES = {"timeZone": "TimeZoneSidKey", "locale": "LocaleSidKey", "language": "LanguageLocaleKey"}
"""Keys whose values are those of a picklist of User."""


def _places(schema: Schema, data: Mapping[str, Any], path: Path) -> dict[str, str]:
    """Return time zone, locale and language as they are written. Raises SchemaError for those that do not exist."""
    user = schema.get("User")
    out: dict[str, str] = {}
    for key, column in _PLACES.items():
        given = _text(data, path, key)
        field = user.field(column) if user is not None and given is not None else None
        known = {entry.value.lower(): entry.value for entry in field.picklist} if field is not None else {}
        if given is None or not known:
            continue
        if given.lower() in known:
            out[key] = known[given.lower()]
        elif not (is_zone(given) if key == "timeZone" else _is_locale(given, user)):
            raise SchemaError.unknown((*path, key), _WORDS_OF[key], given, known.values())
    return out


def _is_locale(given: str, user: SObject | None) -> bool:
    """Tell whether a text has the form of a locale, of a language that is known: orgs list more than are bundled."""
    field = user.field("LocaleSidKey") if user is not None else None
    languages = {entry.value.partition("_")[0] for entry in field.picklist} if field is not None else set()
    found = _LOCALE.fullmatch(given)
    return found is not None and found[1] in languages


_LOCALE = re.compile(r"([a-z]{2,3})(?:_[A-Z][A-Za-z]{1,3}){1,3}")
_WORDS_OF = {"timeZone": "time zone", "locale": "locale", "language": "language"}


def read_grant(schema: Schema, given: Any, path: Path, *, lenient: bool = False) -> Grant:
    """Read what a profile, permission set or user is granted.

    Raises SchemaError; `lenient` leaves out what names an object, field or permission that is not there.
    """
    data = _mapping(path, given, SET_KEYS)
    rights: dict[str, frozenset[str]] = {}
    system = set(_system(schema, data.get("system"), (*path, "system"), lenient))
    objects = _mapping((*path, "objects"), data.get("objects") or {}, None)
    for name, value in objects.items():
        at = (*path, "objects", name)
        sobject = _object(schema, name, at, lenient)
        if sobject is not None:
            found = _rights(value, at)
            system |= _own_right(sobject, found, at, lenient)
            rights[sobject.name] = with_implied(found)
    wanted = dict(_field_words(schema, data.get("fields"), (*path, "fields"), lenient))
    for name, words in wanted.items():
        if name not in rights and family_of_name(schema, name):
            asked = "edit" if "edit" in words.values() else "read"
            if asked in words.values():
                rights[name] = with_implied([asked])
                words.setdefault("*", "none")
    fields: dict[tuple[str, str], str] = {}
    for name in {**rights, **wanted}:
        sobject = schema.get(name)
        assert sobject is not None
        granted = rights.get(name, frozenset())
        usual = "edit" if granted & {"create", "edit"} else "read" if granted else "none"
        words = wanted.get(name, {})
        usual = words.get("*", usual)
        for one in sobject.fields:
            word = words.get(one.name, usual)
            if needs_permission(one) and word != "none":
                fields[sobject.name, one.name] = word
    own = {name: found for name, found in rights.items() if found and family_of_name(schema, name)}
    return Grant(own, fields, frozenset(system), _custom(data.get("customPermissions"), (*path, "customPermissions")))


def read_set(schema: Schema, given: Any, path: Path) -> tuple[Grant, str | None]:
    """Read a profile or permission set: what it grants, and its label. Raises SchemaError."""
    data = dict(given) if isinstance(given, Mapping) else given
    # Metadata of a whole org names much that the schema lacks.
    lenient = isinstance(data, dict) and data.pop("lenient", False) is True
    grant = read_grant(schema, data, path, lenient=lenient)
    if path[:1] == ("profiles",):
        read_rules(data, path)
    elif isinstance(data, dict):
        for key in data.keys() & set(RULE_KEYS):
            raise SchemaError.unknown((*path, key), "setting", key, ("label", *GRANT_KEYS))
    return grant, _text(data, path, "label")


def check_grants(schema: Schema, profiles: Mapping[str, Any], sets: Mapping[str, Any]) -> list[SchemaError]:
    """Return what is wrong with declared profiles and permission sets."""
    found = []
    for kind, definitions in (("profiles", profiles), ("permissionSets", sets)):
        for name, definition in definitions.items():
            try:
                read_set(schema, definition, (kind, name))
            except SchemaError as error:
                found.append(error)
    return found


def left_out(schema: Schema, profiles: Mapping[str, Any], sets: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield what lenient profiles and permission sets name and the org does not have: these grants are void."""
    for kind, definitions in (("profiles", profiles), ("permissionSets", sets)):
        for name, definition in definitions.items():
            if isinstance(definition, Mapping) and definition.get("lenient") is True:
                for path, what, given, known in _strangers(schema, definition):
                    near = close(given, known)
                    hint = f"; did you mean {near}?" if near else ""
                    yield (kind, name, *path), f"there is no {what} {brief(given)}: it is left out{hint}"


def _strangers(schema: Schema, definition: Mapping[str, Any]) -> Iterator[tuple[Path, str, Any, Iterable[str]]]:
    """Yield path, kind, name and the known names of each thing that is not there."""
    objects, fields = definition.get("objects") or {}, definition.get("fields") or {}
    for name in dict.fromkeys([*objects, *fields]):
        sobject = schema.get(name)
        if sobject is None:
            yield ("objects" if name in objects else "fields", name), "object", name, schema.names()
            continue
        for one in fields.get(name, ()):
            if one != "*" and sobject.field(one) is None:
                yield ("fields", name, one), f"field of {sobject.name}", one, (field.name for field in sobject.fields)
    known = {one.lower(): one for one in system_permissions(schema)}
    for place, word in enumerate(definition.get("system") or ()):
        if word.lower() not in known:
            yield ("system", place), "permission of the system", word, known.values()


def family_of_name(schema: Schema, name: str) -> bool:
    """Tell whether an object has permissions of its own."""
    sobject = schema.get(name)
    return sobject is not None and family_of(sobject).own


def _object(schema: Schema, name: Any, path: Path, lenient: bool) -> SObject | None:
    found = schema.get(name) if isinstance(name, str) else None
    if found is None and not lenient:
        raise SchemaError.unknown(path, "object", name, schema.names())
    return found


def _rights(value: Any, path: Path) -> frozenset[str]:
    """Read `read`, `read, create` or a list of such words."""
    words = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(words, Sequence):
        raise SchemaError(path, "a list of rights is needed here", _WORDS)
    out: set[str] = set()
    for word in words:
        if word not in _WORDS:
            raise SchemaError.unknown(path, "right", word, _WORDS)
        out |= _ALL if word == "all" else {word}
    return frozenset(out)


def _own_right(sobject: SObject, rights: frozenset[str], path: Path, lenient: bool) -> set[str]:
    """Return the permissions of the system that give rights to an object that has none of its own."""
    family = family_of(sobject)
    if family.own or rights <= {"read"} or lenient:
        return set()
    if sobject.name in _ACTIVITIES:
        return {_ACTIVITIES[sobject.name]}
    if family.parents:
        return set()
    text = f"{sobject.name} is not opened by object: list one of these under `system`"
    raise SchemaError(path, text, family.writing)


def _field_words(schema: Schema, given: Any, path: Path, lenient: bool) -> Iterator[tuple[str, dict[str, str]]]:
    """Read `{Contact: {Email: read}}` and `{Contact.Email: read}`; yield the words by object."""
    found: dict[str, dict[str, str]] = {}
    for key, value in _mapping(path, given or {}, None).items():
        at = (*path, key)
        name, dot, one = str(key).partition(".")
        sobject = _object(schema, name, at, lenient)
        if sobject is None:
            continue
        inner = {one: value} if dot else _mapping(at, value, None)
        for field_name, word in inner.items():
            place = at if dot else (*at, field_name)
            exact = _field(sobject, field_name, word, place, lenient)
            if exact is not None:
                found.setdefault(sobject.name, {})[exact] = word
    yield from found.items()


def _field(sobject: SObject, name: Any, word: Any, path: Path, lenient: bool) -> str | None:
    if word not in _FIELD_WORDS:
        raise SchemaError.unknown(path, "right to a field", word, _FIELD_WORDS)
    if name == "*":
        return "*"
    found = sobject.field(name) if isinstance(name, str) else None
    if found is None:
        if lenient:
            return None
        raise SchemaError.unknown(path, f"field of {sobject.name}", name, [one.name for one in sobject.fields])
    if word == "none" and not needs_permission(found) and not lenient:
        raise SchemaError(path, f"{sobject.name}.{found.name} is seen by everyone who reads {sobject.name}")
    return found.name


def system_permissions(schema: Schema) -> list[str]:
    """Return the names of all permissions of the system, without `Permissions`."""
    sobject = schema.get("PermissionSet")
    fields = sobject.fields if sobject is not None else ()
    return [one.name.removeprefix("Permissions") for one in fields if one.name.startswith("Permissions")]


def _system(schema: Schema, given: Any, path: Path, lenient: bool) -> Iterator[str]:
    if given is None:
        return
    words = given.replace(",", " ").split() if isinstance(given, str) else given
    if not isinstance(words, Sequence):
        raise SchemaError(path, "a list of permissions is needed here")
    known = {name.lower(): name for name in system_permissions(schema)}
    for place, word in enumerate(words):
        exact = known.get(str(word).lower())
        if exact is not None:
            yield exact
        elif not lenient:
            at = path if isinstance(given, str) else (*path, place)
            raise SchemaError.unknown(at, "permission of the system", word, known.values())


def _custom(given: Any, path: Path) -> frozenset[str]:
    """Read names of custom permissions. One that nobody has needs no definition: it is there once it is granted."""
    words = given.replace(",", " ").split() if isinstance(given, str) else given or []
    if not isinstance(words, Sequence):
        raise SchemaError(path, "a list of names of custom permissions is needed here")
    for place, word in enumerate(words):
        if not isinstance(word, str) or not _CUSTOM.fullmatch(word):
            at = path if isinstance(given, str) else (*path, place)
            raise SchemaError(at, f"{brief(word)} is no name of a custom permission: letters, digits and _ are in it")
    return frozenset(words)


_CUSTOM = re.compile(r"[A-Za-z]\w{0,99}", re.ASCII)


def _mapping(path: Path, value: Any, keys: tuple[str, ...] | None) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SchemaError(path, "a mapping is needed here", keys or ())
    if keys is not None:
        for key in value:
            if key not in keys:
                raise SchemaError.unknown((*path, key), "setting", key, keys)
    return value


def _text(data: Mapping[str, Any], path: Path, key: str) -> str | None:
    value = data.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value or len(value) > _LONGEST:
        raise SchemaError((*path, key), f"a text of 1 to {_LONGEST} characters is needed here")
    return value
