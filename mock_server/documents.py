"""Reading of YAML documents with positions, and problems that say where, what is allowed and what is nearest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from mock_server.org.spans import seconds_of as duration

Steps = tuple[str | int, ...]
"""The way to a value: `("faults", 0, "when", "times")`."""

__all__ = ["Document", "DocumentError", "Position", "Problem", "Steps", "duration", "load", "nearest", "parse"]

_MOST_NODES = 200_000
_DEEPEST = 60


class Position(NamedTuple):
    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where, what is wrong, what is allowed, what is nearest."""

    path: Steps
    message: str
    allowed: tuple[str, ...] = ()
    nearest: str | None = None
    at_key: bool = False
    """Whether the key itself is wrong, not its value."""

    def text(self) -> str:
        out = self.message
        if self.nearest:
            out += f"; did you mean {self.nearest!r}?"
        if self.allowed and len(self.allowed) <= 40:
            out += f" (allowed: {', '.join(self.allowed)})"
        return out


class DocumentError(ValueError):
    """Everything that is wrong with a document, one line a problem: `file:line:column: message`."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


@dataclass(frozen=True)
class Document:
    """Plain data, and where each part of it stands."""

    file: str
    data: Any
    values: dict[Steps, tuple[int, int]]
    keys: dict[Steps, tuple[int, int]]

    def where(self, path: Steps, *, key: bool = False) -> Position:
        """Return the place of a value, or of its key; of the nearest enclosing one where there is none."""
        table = self.keys if key else self.values
        while path and path not in table:
            path, table = path[:-1], self.values
        line, column = table.get(path, (1, 1))
        return Position(self.file, line, column)

    def error(self, problems: Iterable[Problem]) -> DocumentError:
        """Return the error that says where in this document the problems are, in order of place."""
        placed = [(self.where(problem.path, key=problem.at_key), problem) for problem in problems]
        placed.sort(key=lambda pair: (pair[0].line, pair[0].column))
        return DocumentError([f"{place}: {problem.text()}" for place, problem in placed])


def nearest(word: object, choices: Iterable[str]) -> str | None:
    """Return the choice that a wrong word probably meant."""
    folded = {choice.lower(): choice for choice in choices}
    found = get_close_matches(str(word).lower(), folded, 1, 0.6)
    return folded[found[0]] if found else None


def load(path: Path | str) -> Document:
    """Read a YAML file. Raises DocumentError for what cannot be read, duplicate keys among it."""
    name = str(path)
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError([f"{name}:1:1: the file is not UTF-8 (byte {error.start})"]) from None
    except OSError as error:
        raise DocumentError([f"{name}:1:1: cannot read the file: {error.strerror}"]) from None
    return parse(text, name)


def parse(text: str, name: str) -> Document:
    """Read YAML text as if it stood in the named file."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        # Composing recurses in C, where too deep a document ends the process: events come one by one.
        _refuse_depth(yaml.parse(text, Loader=loader), name)
        # Composing follows aliases without copying; the walk below counts what they unfold to.
        root = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise DocumentError([f"{name}:{line}:{column}: not valid YAML: {what}"]) from None
    if root is None:
        raise DocumentError([f"{name}:1:1: the file is empty"])
    reader = _Reader(name, loader(""))
    data = reader.read(root, ())
    return Document(name, data, reader.values, reader.keys)


def _refuse_depth(events: Iterable[Any], name: str) -> None:
    import yaml

    depth = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            if depth > _DEEPEST:
                mark = event.start_mark
                place = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
                raise DocumentError([f"{name}:{place}: nested too deeply"])
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Reader:
    """Turns YAML nodes into plain data, noting where each stood."""

    def __init__(self, name: str, loader: Any) -> None:
        self._name = name
        self._loader = loader
        self._count = 0
        self.values: dict[Steps, tuple[int, int]] = {}
        self.keys: dict[Steps, tuple[int, int]] = {}

    def _fail(self, node: Any, message: str) -> DocumentError:
        mark = node.start_mark
        return DocumentError([f"{self._name}:{mark.line + 1}:{mark.column + 1}: {message}"])

    def read(self, node: Any, path: Steps) -> Any:
        self._count += 1
        if self._count > _MOST_NODES:
            raise self._fail(node, "the document unfolds to too many values")
        if len(path) > _DEEPEST:
            raise self._fail(node, "nested too deeply")
        self.values[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if node.id == "mapping":
            out: dict[Any, Any] = {}
            for key_node, value_node in node.value:
                if key_node.id != "scalar":
                    raise self._fail(key_node, "a key must be a plain word")
                key = key_node.value
                if key in out:
                    raise self._fail(key_node, f"the key {key!r} stands here twice")
                inner = (*path, key)
                self.keys[inner] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
                out[key] = self.read(value_node, inner)
            return out
        if node.id == "sequence":
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        try:
            value = self._loader.construct_object(node)
        except Exception as error:
            raise self._fail(node, f"cannot read this value: {str(error).partition(chr(10))[0]}") from None
        # Dates and other YAML types are meant as written.
        return value if value is None or isinstance(value, str | int | float | bool) else node.value


def shown(value: object) -> str:
    """Return a value for a message, cut to a readable length."""
    if isinstance(value, int) and abs(value) > 10**60:
        return "a number of more than 60 digits"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
