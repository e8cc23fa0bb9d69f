"""Formulas that do not compile: Salesforce's texts, with object, name and place, when the schema is loaded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mock_server.org.formula import FormulaError, check
from mock_server.org.org import Org
from mock_server.org.records.changes import Change
from mock_server.org.schema import Schema, SchemaError
from mock_server.org.schema.types import ValidationRule
from tests.org.formula.world import FIELDS, formula


@pytest.mark.parametrize(
    ("text", "message", "at"),
    [
        ("", "Syntax error.  Missing field name", 0),
        ("/* only */", "Syntax error.  Found 'end of formula'", 10),
        ("1 +", "Syntax error.  Found 'end of formula'", 3),
        ("AND(TRUE", "Syntax error.  Missing ')'", 8),
        ("(1", "Syntax error.  Missing ')'", 2),
        ("1)", "Syntax error. Extra ')'", 1),
        ("1, 2", "Syntax error. Extra ','", 1),
        ("1 2", "Syntax error.  Found '2'", 2),
        ("IF(TRUE,,1)", "Syntax error.  Found ','", 8),
        ("'abc", "Syntax error.  Found '''", 0),
        (r"'\d'", "Syntax error.  Found '''", 0),
        ("1 % 2", "Syntax error.  Found '%'", 2),
        ("N__c =", "Syntax error.  Found 'end of formula'", 6),
        ("Nope__c", "Field Nope__c does not exist. Check spelling.", 0),
        ("1 + Boss__r.Nope__c", "Field Boss__r.Nope__c does not exist. Check spelling.", 4),
        ("Nope__r.Name", "Field Nope__r.Name does not exist. Check spelling.", 0),
        ("Owner.Name", "Field Owner.Name does not exist. Check spelling.", 0),
        ("Owner:Nobody.Name", "Nobody is an invalid object type for the OwnerId field. Check spelling.", 0),
        ("$User.Nope", "Field $User.Nope does not exist. Check spelling.", 0),
        ("$Nope.Name", "Field $Nope.Name does not exist. Check spelling.", 0),
        ("$Setup.Nope__c.X__c", "Field $Setup.Nope__c.X__c does not exist. Check spelling.", 0),
        ("$Label.Hello", "Unsupported global variable $Label", 0),
        ("FOO(1)", "Unknown function FOO. Check spelling.", 0),
        ("TRUE && foo()", "Unknown function FOO. Check spelling.", 8),
        ("GETSESSIONID()", "Unsupported function GETSESSIONID", 0),
        ("CURRENCYRATE('EUR')", "Unsupported function CURRENCYRATE", 0),
        ("URLFOR('x')", "Function URLFOR may not be used in this type of formula", 0),
        ("LEFT('a')", "Incorrect number of parameters for function 'LEFT()'. Expected 2, received 1", 0),
        ("TODAY(1)", "Incorrect number of parameters for function 'TODAY()'. Expected 0, received 1", 0),
        ("IF(TRUE, 1)", "Incorrect number of parameters for function 'IF()'. Expected 3, received 2", 0),
        ("IF(TRUE, 1, 2, 3)", "Incorrect number of parameters for function 'IF()'. Expected 3, received 4", 0),
        ("IF(TRUE, 1, FALSE, 2, 3)", "Incorrect number of parameters for function 'IF()'. Expected 3, received 5", 0),
        ("CASE(1, 2, 3)", "Incorrect number of parameters for function 'CASE()'. Expected 4, received 3", 0),
        ("NOT(TRUE, FALSE)", "Syntax error.  Found ','", 8),
        ("LEFT(1, 2)", "Incorrect parameter type for function 'LEFT()'. Expected Text, received Number", 5),
        ("AND(TRUE, 'x')", "Incorrect parameter type for function 'AND()'. Expected Boolean, received Text", 10),
        ("IF(1, 2, 3)", "Incorrect parameter type for function 'IF()'. Expected Boolean, received Number", 3),
        ("IF(B__c, 2, 'x')", "Incorrect parameter type for function 'IF()'. Expected Number, received Text", 12),
        ("CASE(T__c, 'a', 1, 2, 3, 4)", "Incorrect parameter type for function 'CASE()'. Expected Text, received Number", 19),
        ("1 + 'a'", "Incorrect parameter type for operator '+'. Expected Number, received Text", 4),
        ("'a' * 2", "Incorrect parameter type for operator '*'. Expected Number, received Text", 0),
        ("1 & 'a'", "Incorrect parameter type for operator '&'. Expected Text, received Number", 0),
        ("D__c + E__c", "Incorrect parameter type for operator '+'. Expected Number, Date, received Date", 7),
        ("N__c - D__c", "Incorrect parameter type for operator '-'. Expected Number, received Date", 7),
        ("D__c = W__c", "Incorrect parameter type for operator '='. Expected Date, received DateTime", 7),
        ("B__c > TRUE", "Incorrect parameter type for operator '>'. Expected Number, Date, DateTime, received Boolean", 0),
        ("!N__c", "Incorrect parameter type for function 'NOT()'. Expected Boolean, received Number", 1),
        ("YEAR(NOW())", "Incorrect parameter type for function 'YEAR()'. Expected Date, received DateTime", 5),
        ("TEXT(T__c)", "Incorrect parameter type for function 'TEXT()'. Expected Number, Date, DateTime, Picklist, received Text", 5),
        ("ISBLANK(B__c)", "Incorrect argument type for function 'ISBLANK()'.", 8),
        ("DATEVALUE(1)", "Incorrect argument type for function 'DATEVALUE()'.", 10),
        ("P__c = 'red'", "Field P__c is a picklist field. Picklist fields are only supported in certain functions.", 0),
        ("ISBLANK(P__c)", "Field P__c is a picklist field. Picklist fields are only supported in certain functions.", 8),
        ("S__c & 'x'", "Field S__c is a multi-select picklist field. Multi-select picklist fields are only supported in certain functions.", 0),
        ("ISPICKVAL(T__c, 'a')", "Incorrect parameter type for function 'ISPICKVAL()'. Expected Picklist, received Text", 10),
        ("ISPICKVAL(P__c, T__c)", "Incorrect parameter type for function 'ISPICKVAL()'. Expected Text Literal, received Text", 16),
        ("ISCHANGED(1)", "Incorrect parameter for function 'ISCHANGED()'. Expected field reference.", 10),
        ("PRIORVALUE(Boss__r.N__c)", "The PRIORVALUE function cannot reference the Boss__r.N__c field.", 11),
        ("REGEX(T__c, '(')", "Incorrect parameter value for function 'REGEX()': Unclosed group near index 1", 12),
        ("VLOOKUP(T__c, T__c, 'x')", "Incorrect parameter for function 'VLOOKUP()'. Expected $ObjectType.Object.Fields.Field reference.", 8),
        ("Acc__r.BillingAddress", 'You referenced an unsupported field type called "Address" using the following field: Acc__r.BillingAddress', 0),
        ("N__c", "Formula result is data type (Number), incompatible with expected data type (Boolean).", 0),
        ("1 = 1 = 'x'", "Incorrect parameter type for operator '='. Expected Boolean, received Text", 8),
    ],
)  # fmt: skip
def test_a_rule_that_does_not_compile(text: str, message: str, at: int) -> None:
    with pytest.raises(FormulaError) as caught:
        formula(text, gives="Boolean")
    assert (caught.value.text, caught.value.at) == (message, at)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ISNEW()", "Function ISNEW may not be used in this type of formula"),
        ("ISCHANGED(N__c)", "Function ISCHANGED may not be used in this type of formula"),
        ("PRIORVALUE(N__c) = 1", "Function PRIORVALUE may not be used in this type of formula"),
        ("REGEX(T__c, 'a')", "Function REGEX may not be used in this type of formula"),
        ("LEN(Long__c) > 1", 'You referenced an unsupported field type called "Long Text Area" using the following field: Long__c'),
    ],
)  # fmt: skip
def test_what_a_formula_field_may_not_use(text: str, message: str) -> None:
    with pytest.raises(FormulaError) as caught:
        formula(text, "field")
    assert caught.value.text == message


def test_a_default_value_knows_no_fields() -> None:
    with pytest.raises(FormulaError, match="Field N__c may not be used in this type of formula"):
        formula("N__c + 1", "default")
    assert formula("TODAY() + 7", "default").kind == "Date"


def test_the_nearest_name_is_told() -> None:
    with pytest.raises(FormulaError) as caught:
        formula("Boss__r.Nn__c = 1")
    assert caught.value.nearest == "N__c"
    with pytest.raises(FormulaError) as caught:
        formula("ISBLNK(T__c)")
    assert caught.value.nearest == "ISBLANK"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 2400 + "TRUE" + ")" * 2400,
        " && ".join(["B__c"] * 600),
        " || ".join(["B__c"] * 600),
        "N__c = " + " + ".join(["1"] * 1200),
        "T__c = " + " & ".join(["'a'"] * 700),
        "!" * 90 + "B__c",
        "1 = " + "-" * 90 + "1",
        "1 = " + "".join(f"IF(N__c = {n}, {n}, " for n in range(200)) + "0" + ")" * 200,
        "ABS(" * 90 + "1" + ")" * 90 + " = 1",
        "AND(" + "B__c," * 200 + "B__c)",
        "1 = CASE(N__c, " + "".join(f"{n}, {n}, " for n in range(300)) + "1)",
    ],
)
def test_long_and_deep_formulas_run(text: str) -> None:
    assert formula(text).kind == "Boolean"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000,
        ")" * 5000,
        "!" * 4000 + "B__c",
        "-" * 4000 + "1",
        "ABS(" * 1200 + "1" + ")" * 1200,
        "IF(B__c, " * 500 + "1",
        "IF(IF(" * 300,
        "x" * 4999,
        "x" * 5001,
        "a." * 2400 + "b",
        "A" * 4000 + "(1)",
        "'" * 4001,
        "/*" * 2000,
        "\0",
        "N__c\0 = 1",
        "\ud800",
        "N__c = 1; DROP TABLE x",
        "$" * 3000,
        ":" * 3000,
        "1" * 4000 + "." * 3,
        "REGEX(T__c, '" + "(" * 2000 + "')",
        "REGEX(T__c, '(((a{1,999}){1,999}){1,999})')",
    ],
)
def test_bombs_are_refused(text: str) -> None:
    with pytest.raises(FormulaError):
        formula(text, gives="Boolean")


def _schema(fields: dict[str, Any]) -> Schema:
    made = Schema()
    made.add({"Thing__c": {"fields": {**FIELDS, **fields}}}, {})
    return made


def test_formulas_stand_on_formulas() -> None:
    chained: dict[str, Any] = {"F0__c": {"type": "number", "formula": "N__c + 1"}}
    for number in range(1, 12):
        chained[f"F{number}__c"] = {"type": "number", "formula": f"F{number - 1}__c * 2"}
    assert check(_schema(chained)) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"F__c": "F__c + 1"}, "F__c > F__c"),
        ({"F__c": "G__c + 1", "G__c": "F__c + 1"}, "F__c > G__c > F__c"),
        ({"F__c": "Boss__r.G__c + 1", "G__c": "H1__c", "H1__c": "Boss__r.F__c"}, "F__c > G__c > H1__c > F__c"),
    ],
)
def test_circles_of_formulas_are_refused(fields: dict[str, str], message: str) -> None:
    with pytest.raises(SchemaError, match="directly or indirectly refers to itself") as caught:
        _schema({name: {"type": "number", "formula": text} for name, text in fields.items()})
    assert message in str(caught.value)


def test_formulas_that_double_stay_within_the_compiled_size() -> None:
    doubling: dict[str, Any] = {"F0__c": {"type": "number", "formula": "N__c + N__c"}}
    for number in range(1, 40):
        doubling[f"F{number}__c"] = {"type": "number", "formula": f"F{number - 1}__c + F{number - 1}__c"}
    with pytest.raises(SchemaError, match="Compiled formula is too big to execute"):
        _schema(doubling)


def test_a_row_of_formulas_has_an_end() -> None:
    row: dict[str, Any] = {"F0__c": {"type": "number", "formula": "N__c"}}
    assert check(_schema({**row, "F1__c": {"type": "number", "formula": "F0__c"}})) == []
    for number in range(1, 60):
        row[f"F{number}__c"] = {"type": "number", "formula": f"F{number - 1}__c"}
    with pytest.raises(SchemaError, match="At most 40 formulas may refer to each other in a row"):
        _schema(row)


def test_all_problems_are_found_with_their_places() -> None:
    made = _schema({"Good__c": {"type": "number", "formula": "N__c"}})
    thing = made.get("Thing__c")
    assert thing is not None
    fields = tuple(
        replace(field, formula="Nn__c +\n 1") if field.name == "Good__c"
        else replace(field, default_formula="FOO()") if field.name == "T__c"
        else field
        for field in thing.fields
    )  # fmt: skip
    rules = (
        ValidationRule("Fine", "N__c < 1", "m"),
        ValidationRule("Bad", "N__c <\n  'x'", "m", active=False),
        ValidationRule("Nowhere", "N__c < 1", "m", field="Nn__c"),
    )
    made._put(replace(thing, fields=fields, validation_rules=rules, memo={}))
    assert [str(problem) for problem in check(made)] == [
        "Thing__c.T__c: default value, line 1, column 1: Unknown function FOO. Check spelling.; did you mean FLOOR?",
        "Thing__c.Good__c: formula, line 1, column 1: Field Nn__c does not exist. Check spelling.; did you mean N__c?",
        "Thing__c.Bad: validation rule, line 2, column 3: Incorrect parameter type for operator '<'. Expected Number, "
        "received Text",
        "Thing__c.Nowhere: validation rule, line 1, column 1: Field Nn__c does not exist. Check spelling.; did you "
        "mean N__c?",
    ]


@pytest.mark.parametrize(
    ("definition", "path", "message"),
    [
        ({"fields": {"F__c": {"type": "number", "formula": "1 +"}}}, "objects.X__c.fields.F__c.formula", "Found 'end of formula'"),
        ({"fields": {"F__c": {"type": "date", "formula": "1"}}}, "objects.X__c.fields.F__c.formula", "data type (Number), incompatible with expected data type (Date)"),
        ({"fields": {"F__c": {"type": "text", "defaultFormula": "1"}}}, "objects.X__c.fields.F__c.defaultFormula", "incompatible"),
        ({"validationRules": {"R": {"condition": "FOO()", "message": "m"}}}, "objects.X__c.validationRules.R.condition", "Unknown function FOO"),
        ({"validationRules": {"R": {"condition": "TRUE &&\n (1", "message": "m"}}}, "objects.X__c.validationRules.R.condition", "Missing ')' (line 2, column 4 of the formula)"),
    ],
)  # fmt: skip
def test_inline_mistakes_have_a_path(definition: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(SchemaError) as caught:
        Schema().add({"X__c": definition}, {})
    assert ".".join(map(str, caught.value.path)) == path
    assert message in str(caught.value)


def test_what_this_org_merely_lacks_is_noted_and_left_out() -> None:
    definitions = {
        "objects": {
            "X__c": {
                "fields": {
                    "F__c": {"type": "text", "formula": "GETSESSIONID()"},
                    "G__c": {"type": "number", "formula": "npsp__Amount__c * 2"},
                },
                "validationRules": {"R": {"condition": "$Label.Stop = 'x'", "message": "m"}},
            }
        }
    }
    build, found = Schema()._build(definitions)
    notes = [(".".join(map(str, path)), text) for path, text in build.notes]
    assert build.problems == []
    assert notes == [
        ("objects.X__c.fields.F__c.formula", "Unsupported function GETSESSIONID (line 1, column 1 of the formula): F__c is always empty"),
        ("objects.X__c.fields.G__c.formula", "Field npsp__Amount__c does not exist. Check spelling. (line 1, column 1 of the formula): G__c is always empty"),
        ("objects.X__c.validationRules.R.condition", "Unsupported global variable $Label (line 1, column 1 of the formula): rule R is not enforced"),
    ]  # fmt: skip
    org = Org(1, schema=found, clock="virtual")
    org.directory.seed()
    who = org.sessions.open(org.directory.default_user, org.directory.default_app, ("api",))
    assert org.write(who, [Change("create", "X__c", {})], all_or_none=True)[0].success
    (record,) = org.query(who, "SELECT F__c, G__c FROM X__c WHERE F__c = null", base="").records
    assert (record["F__c"], record["G__c"]) == (None, None)
