"""The functions of formulas: most are rows of `plain`; those whose types depend on their arguments have a handler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from mock_server.org.formula import regex
from mock_server.org.formula.kinds import TEXTUAL, Kind, incoming, kind_of
from mock_server.org.formula.named import compile_field
from mock_server.org.formula.operators import logical
from mock_server.org.formula.plain import LETTERS, PLAIN, Plain
from mock_server.org.formula.problems import FormulaError
from mock_server.org.formula.references import FieldReference, Input, missing, resolve
from mock_server.org.formula.regex_tree import PatternError
from mock_server.org.formula.syntax import IF_CHAIN, Call, Expression, Name
from mock_server.org.schema.types import Field, SObject

if TYPE_CHECKING:
    from mock_server.org.formula.compiler import Unit
    from mock_server.org.formula.pieces import Piece

_ONLY_ELSEWHERE = frozenset(
    {"GETRECORDIDS", "INCLUDE", "LINKTO", "REQUIRESCRIPT", "URLFOR", "HTMLENCODE", "JSENCODE", "JSINHTMLENCODE",
     "URLENCODE", "PARENTGROUPVAL", "PREVGROUPVAL", "JUNCTIONIDLIST"}
)  # fmt: skip
"""Functions of buttons, Visualforce and reports."""
_UNSUPPORTED = frozenset({"GETSESSIONID", "CURRENCYRATE", "PREDICT", "IMAGEPROXYURL", "CONVERTTIMEZONE", "DAYS360"})
"""Functions of real formulas that ask for what this org does not have."""
_ON_SAVE = frozenset({"ISNEW", "ISCHANGED", "PRIORVALUE", "VLOOKUP"})
"""Functions of validation rules only."""


def call(unit: Unit, node: Call) -> Piece:
    """Compile a call. Raises FormulaError."""
    name = node.name
    plain, handler = PLAIN.get(name), _HANDLERS.get(name)
    if name in _UNSUPPORTED:
        raise FormulaError(f"Unsupported function {name}", node.at, lacking=True)
    if name in _ONLY_ELSEWHERE or (name in _ON_SAVE and unit.mode != "rule"):
        raise FormulaError(f"Function {name} may not be used in this type of formula", node.at)
    if name == "REGEX" and unit.mode == "field":
        raise FormulaError("Function REGEX may not be used in this type of formula", node.at)
    if handler is not None:
        return handler(unit, node)
    if plain is not None:
        return _plain(unit, node, plain)
    near = get_close_matches(name[:80], names(), 1)
    raise FormulaError(f"Unknown function {name[:255]}. Check spelling.", node.at, near[0] if near else None)


def names() -> tuple[str, ...]:
    """Return the names of all functions that formulas may call."""
    return tuple(sorted({*PLAIN, *_HANDLERS} - {IF_CHAIN}))


def _where(node: Call) -> str:
    return f"function '{node.name.removesuffix(' ELSE')}()'"


def _counted(node: Call, least: int, most: int | None = None) -> None:
    """Raise FormulaError for another number of arguments."""
    given = len(node.arguments)
    if given < least or given > (least if most is None else most):
        expected = least if given < least or most is None else most
        raise FormulaError(
            f"Incorrect number of parameters for {_where(node)}. Expected {expected}, received {given}", node.at
        )


def _plain(unit: Unit, node: Call, plain: Plain) -> Piece:
    required, _, optional = plain.takes.partition("?")
    _counted(node, len(required), len(required + optional))
    pieces = [unit.compile(argument) for argument in node.arguments]
    kinds = [LETTERS[letter] for letter in required + optional]
    codes = [unit.want(piece, kind, _where(node)) for piece, kind in zip(pieces, kinds, strict=False)]
    gives = LETTERS[plain.gives]
    code = f"{plain.function}({', '.join(codes)})" if plain.takes else plain.function
    return unit.piece(gives, code, node.at, *pieces, nullable=plain.nullable and gives not in TEXTUAL)


# -- logic


def _and(unit: Unit, node: Call) -> Piece:
    _counted(node, 1, 255)
    parts = [unit.compile(argument) for argument in node.arguments]
    return logical(unit, node.name.lower(), parts, _where(node), node.at)


def _if(unit: Unit, node: Call) -> Piece:
    if node.name != IF_CHAIN:
        _counted(node, 3)
    where = _where(node)
    pieces = [unit.compile(argument) for argument in node.arguments]
    tests, results = pieces[:-1:2], [*pieces[1::2], pieces[-1]]
    conditions = [unit.want(test, "Boolean", where) for test in tests]
    return _chosen(unit, node, conditions, results, pieces)


def _chosen(unit: Unit, node: Call, conditions: list[str], results: list[Piece], pieces: list[Piece]) -> Piece:
    """Compile a choice: the result of the first condition that holds, else the last one."""
    kind: Kind = "Null"
    for result in results:
        unit.refuse_picklist(result)
        kind = unit.common(replace(results[0], kind=kind), result, _where(node))
    codes = [unit.as_kind(result, kind) for result in results]
    nullable = kind not in TEXTUAL and any(result.nullable for result in results)
    if len(conditions) > 3:
        lines = [f"if {condition}: return {code}" for condition, code in zip(conditions, codes[:-1], strict=True)]
        return unit.piece(kind, unit.helper([*lines, f"return {codes[-1]}"]), node.at, nullable=nullable)
    chosen = codes[-1]
    for condition, code in zip(reversed(conditions), reversed(codes[:-1]), strict=True):
        chosen = f"({code} if {condition} else {chosen})"
    nest = [replace(piece, nest=piece.nest + len(conditions)) for piece in pieces]
    return unit.piece(kind, chosen, node.at, *nest, nullable=nullable)


def _case(unit: Unit, node: Call) -> Piece:
    if len(node.arguments) < 4 or len(node.arguments) % 2:
        _counted(node, max(4, len(node.arguments) + 1))
    where = _where(node)
    pieces = [unit.compile(argument) for argument in node.arguments]
    subject, compared, results = pieces[0], pieces[1:-1:2], [*pieces[2:-1:2], pieces[-1]]
    if subject.kind in ("Boolean", "Geolocation", "Multi-Select Picklist"):
        raise unit.mismatch(subject, ("Number", "Text", "Date", "DateTime", "Picklist"), where)
    variable = unit.variable()
    conditions = []
    for one in compared:
        if subject.kind == "Picklist":
            if not (one.is_literal and one.kind == "Text") and one.kind != "Null":
                raise unit.mismatch(one, ("Text",), where)
            conditions.append(f"{variable} == {unit.want(one, 'Text', where)}")
        else:
            kind = unit.common(subject, one, where)
            code = unit.as_kind(one, kind)
            conditions.append(f"{variable} == {code}" if kind in TEXTUAL else f"equal({variable}, {code})")
    kind = "Null"
    for result in results:
        kind = unit.common(replace(results[0], kind=kind), result, where)
    codes = [unit.as_kind(result, kind) for result in results]
    lines = [f"{variable} = {subject.code}"]
    lines += [f"if {test}: return {code}" for test, code in zip(conditions, codes[:-1], strict=True)]
    nullable = kind not in TEXTUAL and any(result.nullable for result in results)
    return unit.piece(kind, unit.helper([*lines, f"return {codes[-1]}"]), node.at, nullable=nullable)


def _blank(unit: Unit, node: Call) -> Piece:
    """ISBLANK and ISNULL: a text is never null, only blank."""
    _counted(node, 1)
    piece = unit.compile(node.arguments[0])
    if piece.kind == "Boolean":
        raise FormulaError(f"Incorrect argument type for {_where(node)}.", piece.at)
    if piece.kind == "Picklist":
        unit.refuse_picklist(piece)
    if piece.kind == "Text" and node.name == "ISNULL":
        code = "False"
    elif piece.kind in TEXTUAL:
        code = f"(not {piece.code})"
    else:
        code = f"({piece.code} is None)"
    return unit.piece("Boolean", code, node.at, piece, nullable=False)


def _blank_value(unit: Unit, node: Call) -> Piece:
    _counted(node, 2)
    value, other = (unit.compile(argument) for argument in node.arguments)
    if value.kind in ("Boolean", "Geolocation"):
        raise FormulaError(f"Incorrect argument type for {_where(node)}.", value.at)
    kind = unit.common(value, other, _where(node))
    first, second = unit.as_kind(value, kind), unit.as_kind(other, kind)
    if kind == "Text":
        code = first if node.name == "NULLVALUE" else f"({first} or {second})"
        return unit.piece(kind, code, node.at, value, other, nullable=False)
    variable = unit.variable()
    code = f"({variable} if ({variable} := {first}) is not None else {second})"
    return unit.piece(kind, code, node.at, value, other, nullable=other.nullable)


# -- picklists


def _is_pick_val(unit: Unit, node: Call) -> Piece:
    _counted(node, 2)
    field, value = (unit.compile(argument) for argument in node.arguments)
    if field.kind != "Picklist":
        raise unit.mismatch(field, ("Picklist",), _where(node))
    code = unit.want(_text_literal(value, node), "Text", _where(node))
    return unit.piece("Boolean", f"({field.code} == {code})", node.at, field, value, nullable=False)


def _includes(unit: Unit, node: Call) -> Piece:
    _counted(node, 2)
    field, value = (unit.compile(argument) for argument in node.arguments)
    if field.kind != "Multi-Select Picklist":
        raise unit.mismatch(field, ("Multi-Select Picklist",), _where(node))
    code = unit.want(_text_literal(value, node), "Text", _where(node))
    return unit.piece("Boolean", f"includes({field.code}, {code})", node.at, field, value, nullable=False)


def _text_literal(piece: Piece, node: Call) -> Piece:
    if piece.kind == "Text" and not piece.is_literal:
        raise FormulaError(
            f"Incorrect parameter type for {_where(node)}. Expected Text Literal, received Text", piece.at
        )
    return piece


_SHOWN: dict[Kind, str] = {
    "Number": "text_of_number", "Date": "text_of_date", "DateTime": "text_of_datetime", "Time": "text_of_time",
}  # fmt: skip


def _text(unit: Unit, node: Call) -> Piece:
    _counted(node, 1)
    piece = unit.compile(node.arguments[0])
    if piece.kind == "Picklist":
        return unit.piece("Text", piece.code, node.at, piece, nullable=False)
    if piece.kind == "Null":
        return unit.piece("Text", '""', node.at, nullable=False)
    function = _SHOWN.get(piece.kind)
    if function is None:
        raise unit.mismatch(piece, ("Number", "Date", "DateTime", "Picklist"), _where(node))
    return unit.piece("Text", f"{function}({piece.code})", node.at, piece, nullable=False)


# -- functions of several kinds


def _extreme(unit: Unit, node: Call) -> Piece:
    _counted(node, 1, 255)
    pieces = [unit.compile(argument) for argument in node.arguments]
    codes = [unit.want(piece, "Number", _where(node)) for piece in pieces]
    nullable = any(piece.nullable for piece in pieces)
    if len(codes) == 1:
        return unit.piece("Number", codes[0], node.at, *pieces, nullable=nullable)
    return unit.piece("Number", f"{node.name.lower()}_({', '.join(codes)})", node.at, *pieces, nullable=nullable)


_Overloads = dict[Kind, tuple[Kind, str]]
_OVERLOADED: dict[str, _Overloads] = {
    "DATEVALUE": {"Text": ("Date", "date_of_text({0})"), "DateTime": ("Date", "local_date({0}, E.zone)")},
    "DATETIMEVALUE": {
        "Text": ("DateTime", "datetime_of_text({0})"),
        "DateTime": ("DateTime", "{0}"),
        "Date": ("DateTime", "datetime_of_date({0})"),
    },
    "TIMEVALUE": {
        "Text": ("Time", "time_of_text({0})"),
        "DateTime": ("Time", "time_of_datetime({0})"),
        "Time": ("Time", "{0}"),
    },
    "UNIXTIMESTAMP": {
        "Date": ("Number", "seconds_of_date({0})"),
        "DateTime": ("Number", "seconds_of_datetime({0})"),
        "Time": ("Number", "seconds_of_time({0})"),
    },
}


def _overloaded(unit: Unit, node: Call) -> Piece:
    _counted(node, 1)
    forms = _OVERLOADED[node.name]
    piece = unit.compile(node.arguments[0])
    if piece.kind == "Null":
        return unit.piece(next(iter(forms.values()))[0], "None", node.at)
    form = forms.get(piece.kind)
    if form is None:
        unit.refuse_picklist(piece)
        raise FormulaError(f"Incorrect argument type for {_where(node)}.", piece.at)
    return unit.piece(form[0], form[1].format(piece.code), node.at, piece)


def _add_months(unit: Unit, node: Call) -> Piece:
    _counted(node, 2)
    day, months = (unit.compile(argument) for argument in node.arguments)
    if day.kind not in ("Date", "DateTime"):
        unit.refuse_picklist(day)
        raise FormulaError(f"Incorrect argument type for {_where(node)}.", day.at)
    count = unit.want(months, "Number", _where(node))
    return unit.piece(day.kind, f"add_months({day.code}, {count})", node.at, day, months)


def _format_duration(unit: Unit, node: Call) -> Piece:
    _counted(node, 1, 2)
    pieces = [unit.compile(argument) for argument in node.arguments]
    if [piece.kind for piece in pieces] == ["DateTime", "DateTime"]:
        code = f"duration_between({pieces[0].code}, {pieces[1].code})"
    else:
        kinds: tuple[Kind, ...] = ("Number", "Boolean")
        codes = [unit.want(piece, kind, _where(node)) for piece, kind in zip(pieces, kinds, strict=False)]
        code = f"duration({', '.join(codes)})"
    return unit.piece("Text", code, node.at, *pieces, nullable=False)


def _distance(unit: Unit, node: Call) -> Piece:
    _counted(node, 3)
    start, end, measure = (unit.compile(argument) for argument in node.arguments)
    codes = [unit.want(point, "Geolocation", _where(node)) for point in (start, end)]
    word = str(_text_literal(measure, node).literal).lower()
    # Kilometres and miles of the mean radius of the earth.
    radius = {"km": 6371.0088, "mi": 3958.7613}.get(word)
    if radius is None:
        raise FormulaError(f"Incorrect parameter value for {_where(node)}. Expected 'mi' or 'km'", measure.at)
    return unit.piece("Number", f"distance({codes[0]}, {codes[1]}, {radius!r})", node.at, start, end)


def _regex(unit: Unit, node: Call) -> Piece:
    _counted(node, 2)
    text, pattern = (unit.compile(argument) for argument in node.arguments)
    codes = [unit.want(piece, "Text", _where(node)) for piece in (text, pattern)]
    if pattern.is_literal and isinstance(pattern.literal, str):
        try:
            matches = regex.compiled(pattern.literal)
        except PatternError as error:
            raise FormulaError(f"Incorrect parameter value for {_where(node)}: {error}", pattern.at) from None
        code = f"{unit.constant(matches)}({codes[0]})"
    else:
        code = f"{unit.constant(regex.matches)}({codes[0]}, {codes[1]})"
    return unit.piece("Boolean", code, node.at, text, pattern, nullable=False)


# -- what a save changes


def _is_new(unit: Unit, node: Call) -> Piece:
    _counted(node, 0)
    return unit.piece("Boolean", "E.new", node.at, nullable=False)


def _own_field(unit: Unit, node: Call) -> tuple[FieldReference, Name]:
    """Return the field of the record itself that is a function's one argument. Raises FormulaError."""
    _counted(node, 1)
    (argument,) = node.arguments
    if not isinstance(argument, Name):
        raise FormulaError(f"Incorrect parameter for {_where(node)}. Expected field reference.", argument.at)
    found = resolve(unit.schema, unit.sobject, argument.text, argument.at)
    if (
        not isinstance(found, FieldReference)
        or found.path
        or found.field.formula is not None
        or kind_of(found.field) in (None, "Geolocation")
    ):
        raise FormulaError(f"The {node.name} function cannot reference the {argument.text[:255]} field.", argument.at)
    return found, argument


def _is_changed(unit: Unit, node: Call) -> Piece:
    found, _ = _own_field(unit, node)
    now, before = unit.stored(Input((), found.field)), unit.stored(Input((), found.field, True))
    return unit.piece("Boolean", f"(not E.new and {now} != {before})", node.at, nullable=False)


def _prior_value(unit: Unit, node: Call) -> Piece:
    found, name = _own_field(unit, node)
    # Of a new record the current value is given (Formula Operators and Functions, PRIORVALUE).
    now, before = compile_field(unit, found, name), compile_field(unit, found, name, prior=True)
    code = f"({now.code} if E.new else {before.code})"
    return replace(unit.piece(before.kind, code, node.at, now, before, nullable=before.nullable), reference=found)


def _vlookup(unit: Unit, node: Call) -> Piece:
    _counted(node, 3)
    wanted, by = (_object_field(unit, node, argument) for argument in node.arguments[:2])
    value = unit.compile(node.arguments[2])
    code = unit.want(value, "Text", _where(node))
    kind = kind_of(wanted[1])
    if wanted[0].name != by[0].name or not by[1].name_field or kind is None or kind == "Geolocation":
        raise FormulaError(f"Incorrect parameter for {_where(node)}. Expected the Name field of the object.", node.at)
    unit.objects[wanted[0].name] = None
    words = [unit.constant(word) for word in (wanted[0].name, wanted[1].name, by[1].name)]
    raw = f"E.lookup({', '.join(words)}, {code})"
    return unit.piece(kind, incoming(wanted[1], blank_as_zero=False).format(raw), node.at, value)


def _object_field(unit: Unit, node: Call, argument: Expression) -> tuple[SObject, Field]:
    """Read `$ObjectType.Zip__c.Fields.City__c`. Raises FormulaError."""
    words = argument.text.split(".") if isinstance(argument, Name) else []
    if len(words) != 4 or words[0].lower() != "$objecttype" or words[2].lower() != "fields":
        raise FormulaError(
            f"Incorrect parameter for {_where(node)}. Expected $ObjectType.Object.Fields.Field reference.", argument.at
        )
    sobject = unit.schema.get(words[1])
    field = sobject.field(words[3]) if sobject is not None else None
    if sobject is None or field is None or not field.stored:
        known = unit.schema.names() if sobject is None else [one.name for one in sobject.fields]
        raise missing(".".join(words), argument.at, words[1] if sobject is None else words[3], known)
    return sobject, field


_HANDLERS: dict[str, Callable[[Unit, Call], Piece]] = {
    "AND": _and,
    "OR": _and,
    "IF": _if,
    IF_CHAIN: _if,
    "CASE": _case,
    "ISBLANK": _blank,
    "ISNULL": _blank,
    "BLANKVALUE": _blank_value,
    "NULLVALUE": _blank_value,
    "ISPICKVAL": _is_pick_val,
    "INCLUDES": _includes,
    "TEXT": _text,
    "MIN": _extreme,
    "MAX": _extreme,
    **dict.fromkeys(_OVERLOADED, _overloaded),
    "ADDMONTHS": _add_months,
    "FORMATDURATION": _format_duration,
    "DISTANCE": _distance,
    "REGEX": _regex,
    "ISNEW": _is_new,
    "ISCHANGED": _is_changed,
    "PRIORVALUE": _prior_value,
    "VLOOKUP": _vlookup,
}
