"""From a syntax tree to a Python function, with every type checked on the way.

The source that is executed holds names of this package and numbered variables only: `r0` is a stored value, `v0` the
same as formulas see it, `k0` a constant, `h0` a helper, `E` the environment. Whatever a user wrote is a constant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from mock_server.org.formula.grammar import parse, too_long
from mock_server.org.formula.kinds import TEXTUAL, Kind, incoming, kind_of
from mock_server.org.formula.named import named
from mock_server.org.formula.operators import chain, unary
from mock_server.org.formula.pieces import Piece
from mock_server.org.formula.problems import FormulaError
from mock_server.org.formula.references import (
    FieldReference,
    Input,
    resolve,
)
from mock_server.org.formula.syntax import Call, Chain, Expression, Name, Unary, names
from mock_server.org.formula.syntax import Literal as Constant
from mock_server.org.formula.values import SPACE
from mock_server.org.schema.types import Field, SObject

if TYPE_CHECKING:
    from mock_server.org.schema.schema import Schema

Mode = Literal["field", "rule", "default"]
LONGEST_FIELD = 3900
"""Characters of a formula field (formula limits)."""
LARGEST = 15_000
"""Characters of a formula with those that it refers to put in their places: what the real limit on the compiled size
comes to, whose exact count is not public."""
_LONGEST_TRAIL = 40
"""Formulas that refer to each other in a row."""
_NESTED = 30
"""Levels of one Python expression; deeper parts become helpers, since Python's own parser has a bound."""


@dataclass(frozen=True)
class Formula:
    """A compiled formula. `run` takes an Environment and the stored values of `inputs`, in their order.

    It returns a value as `numbers`, `texts`, `moments` and `places` describe it, and raises ArithmeticError or
    ValueError where there is none; `numbers.CONTEXT` must be in force.
    """

    kind: Kind
    inputs: tuple[Input, ...]
    run: Callable[..., Any]
    size: int
    objects: tuple[str, ...]
    """Objects that are read through the environment."""
    depends: tuple[SObject, ...]
    """The objects it was compiled against: it holds as long as a schema has these very ones."""
    asks: bool
    """Whether it asks for the moment, the user or other records: its value may change while the record stays."""
    height: int = 1
    """How many formulas refer to each other in a row, down from this one."""


class Unit:
    """One formula being compiled."""

    def __init__(self, schema: Schema, sobject: SObject, mode: Mode, *, blank_as_zero: bool) -> None:
        self.schema = schema
        self.sobject = sobject
        self.mode: Mode = mode
        self.blank_as_zero = blank_as_zero
        self.objects: dict[str, None] = {}
        self.depends = {sobject.name: sobject}
        self.size = 0
        self.height = 1
        self.asks = False
        self._inputs: dict[Any, tuple[str, Input]] = {}
        self._seen: dict[str, str] = {}
        self._constants: dict[str, Any] = {}
        self._helpers: list[tuple[str, list[str]]] = []
        self._variables = 0

    # -- what pieces are made of

    def constant(self, value: Any) -> str:
        name = f"k{len(self._constants)}"
        self._constants[name] = value
        return name

    def variable(self) -> str:
        """Return a new name for a value that is used twice within an expression."""
        self._variables += 1
        return f"w{self._variables}"

    def stored(self, needed: Input) -> str:
        """Return the variable that holds an input's stored value."""
        name, _ = self._inputs.setdefault(needed.key, (f"r{len(self._inputs)}", needed))
        return name

    def seen(self, needed: Input) -> str:
        """Return the variable that holds an input's value as formulas see it."""
        raw = self.stored(needed)
        code = incoming(needed.field, blank_as_zero=self.blank_as_zero)
        return self._seen.setdefault(code.format(raw), f"v{len(self._seen)}")

    def helper(self, lines: list[str]) -> str:
        """Make a function of statements; return the call of it."""
        name = f"h{len(self._helpers)}"
        self._helpers.append((name, lines))
        return f"{name}(\0)"

    def piece(self, kind: Kind, code: str, at: int, *below: Piece, nullable: bool = True) -> Piece:
        """Return a piece made of others."""
        nest = 1 + max((one.nest for one in below), default=0)
        if nest >= _NESTED:
            return Piece(kind, self.helper([f"return {code}"]), at, nullable, 1)
        return Piece(kind, code, at, nullable, nest)

    # -- nodes

    def compile(self, node: Expression) -> Piece:
        """Compile a node. Raises FormulaError."""
        if isinstance(node, Call):
            from mock_server.org.formula.functions import call

            return call(self, node)
        if isinstance(node, Name):
            return named(self, node)
        if isinstance(node, Constant):
            return self._literal(node)
        if isinstance(node, Chain):
            return chain(self, node)
        assert isinstance(node, Unary)
        return unary(self, node)

    def _literal(self, node: Constant) -> Piece:
        value = node.value
        if value is None:
            return Piece("Null", "None", node.at)
        if isinstance(value, bool):
            return Piece("Boolean", str(value), node.at, False, literal=value, is_literal=True)
        kind: Kind = "Text" if isinstance(value, str) else "Number"
        return Piece(kind, self.constant(value), node.at, False, literal=value, is_literal=True)

    # -- what functions ask of their arguments

    def want(self, piece: Piece, kind: Kind, where: str) -> str:
        """Return the code of an argument of a given kind. Raises FormulaError for another one."""
        if piece.kind == kind:
            return piece.code
        if piece.kind == "Null":
            return '""' if kind in TEXTUAL else "None"
        raise self.mismatch(piece, (kind,), where)

    def mismatch(self, piece: Piece, expected: tuple[Kind, ...], where: str) -> FormulaError:
        """Return the error for an argument of the wrong kind. `where` is `operator '+'` or `function 'LEFT()'`."""
        self.refuse_picklist(piece)
        return FormulaError(
            f"Incorrect parameter type for {where}. Expected {', '.join(expected)}, received {piece.kind}", piece.at
        )

    def refuse_picklist(self, piece: Piece) -> None:
        """Raise FormulaError for a picklist: only certain functions take one."""
        if piece.kind in ("Picklist", "Multi-Select Picklist"):
            name = piece.reference.field.name if piece.reference else ""
            called = "picklist" if piece.kind == "Picklist" else "multi-select picklist"
            raise FormulaError(
                f"Field {name} is a {called} field. {called.capitalize()} fields are only supported in certain "
                "functions.",
                piece.at,
            )

    def common(self, left: Piece, right: Piece, where: str) -> Kind:
        """Return the kind that two values share. Raises FormulaError."""
        self.refuse_picklist(left)
        self.refuse_picklist(right)
        if left.kind == "Null":
            return right.kind
        if right.kind not in (left.kind, "Null"):
            raise self.mismatch(right, (left.kind,), where)
        return left.kind

    def as_kind(self, piece: Piece, kind: Kind) -> str:
        """Return the code of a value of a kind that was found fitting by `common`."""
        return self.want(piece, kind, "") if kind != "Null" else "None"

    # -- the whole

    def finish(self, whole: Piece, text: str) -> Formula:
        """Execute the source; return the formula."""
        inputs = list(self._inputs.values())
        raw = ["E", *(name for name, _ in inputs)]
        every = ", ".join([*raw, *self._seen.values()])
        lines = []
        for name, body in self._helpers:
            lines += [f"def {name}({every}):", *(f"    {line}" for line in body)]
        lines.append(f"def run({', '.join(raw)}):")
        lines += [f"    {name} = {code}" for code, name in self._seen.items()]
        lines.append(f"    return {whole.code}")
        source = "\n".join(lines).replace("\0", every)
        space: dict[str, Any] = {**SPACE, **self._constants}
        exec(compile(source, "<formula>", "exec"), space)  # noqa: S102
        read = (self.schema.get(name) for name in self.objects)
        self.depends.update((one.name, one) for one in read if one is not None)
        return Formula(
            whole.kind,
            tuple(needed for _, needed in inputs),
            space["run"],
            self.size + len(text),
            tuple(self.objects),
            tuple(self.depends.values()),
            self.asks or "E." in source or any(needed.path for _, needed in inputs),
            self.height,
        )


def compiled(
    schema: Schema,
    sobject: SObject,
    text: str,
    mode: Mode,
    *,
    gives: Kind | None = None,
    blank_as_zero: bool = False,
    trail: tuple[tuple[str, str], ...] = (),
) -> Formula:
    """Compile a formula of an object; `gives` is the kind that it must have. Raises FormulaError."""
    if mode == "field" and len(text) > LONGEST_FIELD:
        raise too_long(text, LONGEST_FIELD)
    tree = parse(text)
    _compile_others(schema, sobject, tree, trail)
    unit = Unit(schema, sobject, mode, blank_as_zero=blank_as_zero)
    try:
        whole = unit.compile(tree)
    except RecursionError:
        # Whoever called stood near the bottom of the stack already.
        raise FormulaError("Formula is too deeply nested.") from None
    if gives is not None and whole.kind != gives:
        if whole.kind != "Null":
            unit.refuse_picklist(whole)
            raise FormulaError(
                f"Formula result is data type ({whole.kind}), incompatible with expected data type ({gives}).", whole.at
            )
        whole = replace(whole, kind=gives, code=unit.want(whole, gives, ""))
    formula = unit.finish(whole, text)
    if formula.height > _LONGEST_TRAIL:
        raise _too_many_in_a_row(0)
    if formula.size > LARGEST:
        raise FormulaError(
            f"Compiled formula is too big to execute ({formula.size:,} characters). Maximum size is {LARGEST:,} "
            "characters"
        )
    return formula


def field_formula(schema: Schema, sobject: SObject, field: Field, trail: tuple[tuple[str, str], ...] = ()) -> Formula:
    """Return the compiled formula of a formula field. Raises FormulaError."""
    key = ("formula", field.name)
    known = sobject.memo.get(key)
    if isinstance(known, Formula) and holds(schema, known):
        return known
    kind = kind_of(field)
    gives: Kind | None = "Text" if kind in TEXTUAL else kind
    assert field.formula is not None
    found = compiled(
        schema, sobject, field.formula, "field",
        gives=gives, blank_as_zero=field.blank_as_zero, trail=(*trail, (sobject.name, field.name)),
    )  # fmt: skip
    sobject.memo[key] = found
    return found


def holds(schema: Schema, formula: Formula) -> bool:
    """Tell whether a formula that was compiled once is still what its text means: orgs share objects."""
    return all(schema.get(one.name) is one for one in formula.depends)


def _too_many_in_a_row(at: int) -> FormulaError:
    return FormulaError(f"At most {_LONGEST_TRAIL} formulas may refer to each other in a row", at)


def _compile_others(schema: Schema, sobject: SObject, tree: Expression, trail: tuple[tuple[str, str], ...]) -> None:
    """Compile the formulas that a tree refers to, before it: no recursion over trees within trees."""
    for name in names(tree):
        try:
            found = resolve(schema, sobject, name.text, name.at)
        except FormulaError:
            continue
        if not isinstance(found, FieldReference) or found.field.formula is None:
            continue
        place = (found.owner.name, found.field.name)
        if place in trail:
            way = " > ".join(one for _, one in (*trail[trail.index(place) :], place))
            raise FormulaError(
                f"Formula cannot use another formula field that directly or indirectly refers to itself. {way}", name.at
            )
        if len(trail) >= _LONGEST_TRAIL:
            raise _too_many_in_a_row(name.at)
        try:
            field_formula(schema, found.owner, found.field, trail)
        except FormulaError as error:
            if "refers to itself" in error.text:
                raise FormulaError(error.text, name.at) from None
            text = f"Error in referenced formula {name.text[:255]}, {error.text}"[:1000]
            raise FormulaError(text, name.at, lacking=error.lacking) from None
