"""How an answer is held against what a row expects: exact but for what changes from one run to the next.

`$(name)` in a text is a variable of the run (`$(account)`, or `$(account.15)` for its first 15 characters) or one of
`KINDS` (`$(id 001)`, `$(datetime)`). A text that is nothing but one kind also says the JSON type: `$(int)`, `$(any)`.
In a mapping keys and their order count; `"..."` admits further ones, `name?` may be missing. `$keys`, `$each` and
`$has` say something of a whole; `$unordered` holds the keys of an object whose order nobody has recorded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r"\$\(([^()]*)\)")
_LONGEST = 300
MORE = "..."


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as expected. `where` is `status`, `header NAME` or a path into the answer."""

    where: str
    expected: str
    came: str

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, came {self.came}"


class UnknownName(ValueError):
    """A `$(name)` that is neither a variable nor a kind."""


def _of_id(argument: str) -> str:
    return re.escape(argument) + f"[A-Za-z0-9]{{{18 - len(argument)}}}"


KINDS: Mapping[str, Callable[[str], str]] = {
    "id": _of_id,
    "id15": lambda prefix: re.escape(prefix) + f"[A-Za-z0-9]{{{15 - len(prefix)}}}",
    "hex": lambda count: f"[0-9a-f]{{{count or '1,'}}}",
    "int": lambda _: r"-?\d+",
    "int_text": lambda _: r"\d+",
    "number": lambda _: r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?",
    "text": lambda _: r".+",
    "any": lambda _: r".*",
    "word": lambda _: r"[^\s<>,;\"']+",
    "date": lambda _: r"\d{4}-\d\d-\d\d",
    "datetime": lambda _: r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000",
    "httpdate": lambda _: r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
    "uuid": lambda _: r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "bool": lambda _: r"true|false",
    "url": lambda _: r"https?://[^\s<>\"']+",
}
"""What a text may hold, by name: the regular expression for an argument."""

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "any": lambda _: True,
    "object": lambda value: isinstance(value, dict),
    "list": lambda value: isinstance(value, list),
}
"""Kinds that say a JSON type when they are the whole of a text."""


def fill(value: Any, known: Mapping[str, str]) -> Any:
    """Return a request's part with the variables put in; `{$repeat: [count, item]}` is a list, `$(n)` in it a number.

    Raises UnknownName.
    """
    if isinstance(value, str):
        return _TOKEN.sub(lambda found: _variable(found[1], known), value)
    if isinstance(value, dict):
        if list(value) == ["$repeat"]:
            count, item = value["$repeat"]
            return [fill(item, {**known, "n": str(number)}) for number in range(count)]
        return {fill(key, known): fill(inner, known) for key, inner in value.items()}
    return [fill(inner, known) for inner in value] if isinstance(value, list) else value


def names(value: Any) -> Iterator[str]:
    """Yield what stands in `$(...)` anywhere in a value."""
    if isinstance(value, str):
        yield from _TOKEN.findall(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from names(key)
            yield from names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names(inner)


def is_kind(name: str) -> bool:
    word = name.partition(" ")[0].removesuffix("?")
    return word in KINDS or word in _TYPES


def _variable(name: str, known: Mapping[str, str]) -> str:
    root, _, length = name.partition(".")
    if root not in known or (length and not length.isdecimal()):
        raise UnknownName(f"there is no variable $({name})")
    return known[root][: int(length)] if length else known[root]


def expression(pattern: str, known: Mapping[str, str]) -> re.Pattern[str]:
    """Return the regular expression of a text with `$(...)`. Raises UnknownName."""
    out, end = [], 0
    for found in _TOKEN.finditer(pattern):
        out.append(re.escape(pattern[end : found.start()]))
        word, _, argument = found[1].partition(" ")
        if word in KINDS:
            out.append(f"(?:{KINDS[word](argument)})")
        else:
            out.append(re.escape(_variable(found[1], known)))
        end = found.end()
    return re.compile("".join(out) + re.escape(pattern[end:]), re.DOTALL)


def compare(expected: Any, came: Any, known: Mapping[str, str], where: str = "answer") -> Iterator[Difference]:
    """Yield how a value differs from what is expected. Raises UnknownName."""
    if isinstance(expected, dict):
        yield from _mapping(expected, came, known, where)
    elif isinstance(expected, list):
        if not isinstance(came, list):
            yield Difference(where, "a list", shown(came))
        elif len(came) != len(expected):
            yield Difference(where, f"{len(expected)} items", f"{len(came)}: {shown(came)}")
        else:
            for place, (one, other) in enumerate(zip(expected, came, strict=True)):
                yield from compare(one, other, known, f"{where}[{place}]")
    elif isinstance(expected, str):
        yield from _text(expected, came, known, where)
    elif type(expected) is not type(came) or expected != came:
        yield Difference(where, shown(expected), shown(came))


def _text(expected: str, came: Any, known: Mapping[str, str], where: str) -> Iterator[Difference]:
    whole = _TOKEN.fullmatch(expected)
    if whole is not None:
        word = whole[1]
        if word.endswith("?"):
            if came is None:
                return
            word = word[:-1]
            expected = f"$({word})"
        if word in _TYPES:
            if not _TYPES[word](came):
                yield Difference(where, _KIND_WORDS.get(word, word), shown(came))
            return
    if not isinstance(came, str) or not expression(expected, known).fullmatch(came):
        yield Difference(where, shown(_told(expected, known)), shown(came))


_KIND_WORDS = {
    "int": "a whole number",
    "number": "a number",
    "bool": "true or false",
    "object": "an object",
    "list": "a list",
}


def _told(expected: str, known: Mapping[str, str]) -> str:
    """Put the variables into an expectation, for people to read."""

    def put(found: re.Match[str]) -> str:
        return found[0] if is_kind(found[1]) else _variable(found[1], known)

    return _TOKEN.sub(put, expected)


def _mapping(expected: dict[str, Any], came: Any, known: Mapping[str, str], where: str) -> Iterator[Difference]:
    if "$each" in expected:
        if not isinstance(came, list) or not came:
            yield Difference(where, "a list that is not empty", shown(came))
            return
        for place, item in enumerate(came):
            yield from compare(expected["$each"], item, known, f"{where}[{place}]")
        return
    if "$has" in expected:
        if not isinstance(came, list):
            yield Difference(where, "a list", shown(came))
            return
        for wanted in expected["$has"]:
            if all(any(True for _ in compare(wanted, item, known)) for item in came):
                yield Difference(where, f"an item like {shown(wanted)}", shown(came))
        return
    if not isinstance(came, dict):
        yield Difference(where, "an object", shown(came))
        return
    if "$unordered" in expected:
        came = {key: came[key] for key in [*(one for one in expected["$unordered"] if one in came), *came]}
        yield from _mapping(expected["$unordered"], came, known, where)
        return
    if "$keys" in expected:
        yield from _keys(str(expected["$keys"]).split(), list(came), where)
        return
    # A key with a question mark may be missing.
    expected = {
        key.removesuffix("?"): value
        for key, value in expected.items()
        if not key.endswith("?") or key.removesuffix("?") in came
    }
    wanted = [key for key in expected if key != MORE]
    yield from _keys(list(expected), list(came), where)
    for key in wanted:
        if key in came:
            yield from compare(expected[key], came[key], known, f"{where}.{key}")


def _keys(expected: list[str], came: list[str], where: str) -> Iterator[Difference]:
    wanted = [key for key in expected if key != MORE]
    there = [key for key in came if key in wanted] if MORE in expected else came
    if there == wanted:
        return
    missing = [key for key in wanted if key not in came]
    extra = [key for key in there if key not in wanted]
    if missing or extra:
        words = [f"without {', '.join(missing)}"] if missing else []
        words += [f"with {', '.join(extra)} besides"] if extra else []
        yield Difference(f"{where} keys", " ".join(wanted), "; ".join(words))
    else:
        yield Difference(f"{where} key order", " ".join(wanted), " ".join(there))


def shown(value: Any) -> str:
    """Return a value as JSON, shortened."""
    text = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False)
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"
