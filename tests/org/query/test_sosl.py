"""SOSL by its results: what is found, in what order, and every mistake with its text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.org.errors import ApiError
from mock_server.org.org import Org
from mock_server.org.query import terms
from mock_server.org.records.changes import Change
from mock_server.org.schema import Schema
from tests.org.query.conftest import BASE, session

Look = Callable[[str], list[dict[str, Any]]]
PEOPLE: list[dict[str, Any]] = [
    {"LastName": "Smith", "FirstName": "Joe", "Email": "joe.smith@acme.com", "Phone": "(415) 555-1212"},
    {"LastName": "Smythe", "FirstName": "Ann", "Description": "knows Acme well", "MobilePhone": "+1 415 555 9999"},
    {"LastName": "Émile", "FirstName": "Zoë", "Description": "writes, a lot"},
    {"LastName": "東京太郎", "Department": "acme sales"},
    {"LastName": "O'Neil-Baker", "Title": "100% {sure} [x]: a+b & c|d ~ ^"},
]


@pytest.fixture
def org() -> Org:
    schema = Schema()
    schema.add({"Trip__c": {"fields": {"Notes__c": {"type": "longtextarea"}}}}, {})
    made = Org(1, schema=schema, clock="virtual")
    made.directory.seed()
    who = session(made)
    account = write(made, Change("create", "Account", {"Name": "Acme Widgets", "Website": "www.acme.com"}))
    for row in PEOPLE:
        made.write(who, [Change("create", "Contact", {**row, "AccountId": account})], all_or_none=True)
    write(made, Change("create", "Trip__c", {"Name": "Alps", "Notes__c": "A glacier and a widget"}))
    return made


def write(org: Org, change: Change) -> str:
    (result,) = org.write(session(org), [change], all_or_none=True)
    assert result.success, result
    assert result.id is not None
    return result.id


@pytest.fixture
def look(org: Org) -> Look:
    who = session(org)
    return lambda sosl: org.search(who, sosl, base=BASE).records


def names(look: Look, find: str, more: str = "", inside: str = "") -> set[str]:
    return {row["LastName"] for row in look(f"FIND {{{find}}} {inside} RETURNING Contact(LastName {more})")}


@pytest.mark.parametrize(
    ("find", "expected"),
    [
        ("smith", "Smith"),
        ("SMITH", "Smith"),
        ("smi", ""),
        ("smi*", "Smith"),
        ("sm*", "Smith Smythe"),
        ("sm?th", "Smith"),
        ("sm?th*", "Smith Smythe"),
        ("s*h", "Smith"),
        ("*mythe", "Smythe"),
        ("joe smith", "Smith"),
        ("joe smythe", ""),
        ("joe OR ann", "Smith Smythe"),
        ("joe or ann", "Smith Smythe"),
        ("acme AND NOT smith", "Smythe 東京太郎"),
        ("acme AND (smith OR smythe)", "Smith Smythe"),
        ("(joe AND smith) OR zoe", "Smith Émile"),
        ("acme smith OR zoe", "Smith Émile"),
        ("emile", "Émile"),
        ("ÉMILE", "Émile"),
        ("zoë e*", "Émile"),
        ('"acme well"', "Smythe"),
        ('"well acme"', ""),
        ('"writes a lot"', "Émile"),
        ("東京", "東京太郎"),
        ("京太", "東京太郎"),
        ("東太", ""),
        ("o\\'neil\\-baker", "O'Neil-Baker"),
        ("neil", "O'Neil-Baker"),
        ("\\{sure\\}", "O'Neil-Baker"),
        ("joe.smith@acme.com", "Smith"),
        ("4155551212", "Smith"),
        ('"415 555"', "Smith Smythe"),
        ("nobody", ""),
        ("well a", ""),
        ("well acme", "Smythe"),
    ],
)
def test_words_operators_and_wildcards(look: Look, find: str, expected: str) -> None:
    assert names(look, find) == set(expected.split())


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("ALL", {"Smith", "Smythe", "東京太郎"}),
        ("NAME", set()),
        ("EMAIL", {"Smith"}),
        ("PHONE", set()),
        ("SIDEBAR", {"Smith"}),
    ],
)
def test_a_group_of_fields(look: Look, group: str, expected: set[str]) -> None:
    assert names(look, "acme", inside=f"IN {group} FIELDS") == expected


def test_records_come_object_by_object_in_the_order_that_is_asked(look: Look) -> None:
    found = look(
        "FIND {acme} RETURNING Contact(FirstName, LastName, Account.Name WHERE LastName LIKE 'Sm%' ORDER BY LastName "
        "DESC LIMIT 5 OFFSET 0), Account(Id, toLabel(Industry)), Trip__c"
    )
    assert [row["attributes"]["type"] for row in found] == ["Contact", "Contact", "Account"]
    assert [row.get("LastName") for row in found[:2]] == ["Smythe", "Smith"]
    assert list(found[0]) == ["attributes", "FirstName", "LastName", "Account"]
    assert found[0]["Account"]["Name"] == "Acme Widgets"
    assert list(found[2]) == ["attributes", "Id", "Industry"]


def test_limits_count_for_an_object_and_for_all(look: Look) -> None:
    assert len(look("FIND {acme} RETURNING Contact(LastName LIMIT 1), Account")) == 2
    assert len(look("FIND {acme} RETURNING Contact, Account LIMIT 2")) == 2
    assert [row["attributes"]["type"] for row in look("FIND {acme} RETURNING Account, Contact LIMIT 2")] == [
        "Account",
        "Contact",
    ]
    assert look("FIND {acme} RETURNING Contact LIMIT 0") == []
    assert names(look, "acme", "ORDER BY LastName LIMIT 1 OFFSET 1") == {"Smythe"}


def test_without_returning_every_object_is_searched(look: Look) -> None:
    found = look("FIND {widget*}")
    assert sorted(row["attributes"]["type"] for row in found) == ["Account", "Trip__c"]
    assert all(list(row) == ["attributes", "Id"] for row in found)


def test_the_better_match_comes_first(org: Org, look: Look) -> None:
    for text in ("glacier", "glacier glacier and ice " + "and much else besides " * 20):
        write(org, Change("create", "Trip__c", {"Name": "More", "Notes__c": text}))
    found = look("FIND {glacier} RETURNING Trip__c(Notes__c)")
    assert found[0]["Notes__c"] == "glacier"
    assert len(found) == 3


@pytest.mark.parametrize(
    "clause",
    [
        "WITH DIVISION = 'Global'",
        "WITH HIGHLIGHT",
        "WITH SNIPPET",
        "WITH SNIPPET(target_length=120)",
        "WITH NETWORK = '00000000000000'",
        "WITH NETWORK IN ('a', 'b')",
        "WITH PRICEBOOKID = 'x'",
        "WITH SPELL_CORRECTION = false",
        "WITH METADATA = 'LABELS' LIMIT 9 UPDATE TRACKING",
        "UPDATE TRACKING, VIEWSTAT",
        "LIMIT 5 UPDATE VIEWSTAT",
    ],
)
def test_clauses_that_change_no_record(look: Look, clause: str) -> None:
    assert len(look(f"FIND {{smith}} RETURNING Contact {clause}")) == 1


def test_labels_of_what_is_returned(org: Org) -> None:
    found = org.search(session(org), "FIND {smith} RETURNING Contact(LastName) WITH METADATA = 'LABELS'", base=BASE)
    assert found.labels == [
        {"entityName": "Contact", "fieldMetadata": [{"name": "LastName", "label": "Last Name"}]},
    ]


def test_nothing_is_in_a_data_category(look: Look) -> None:
    assert (
        look("FIND {smith} RETURNING Contact WITH DATA CATEGORY Geo__c AT Europe__c AND Kind__c BELOW (A__c, B__c)")
        == []
    )


def test_a_search_sees_what_changed_since_the_last(org: Org, look: Look) -> None:
    assert names(look, "smith") == {"Smith"}
    (row,) = org.query(session(org), "SELECT Id FROM Contact WHERE LastName = 'Smith'", base=BASE).records
    write(org, Change("update", "Contact", {"LastName": "Jones"}, id=row["Id"]))
    assert names(look, "smith", inside="IN NAME FIELDS") == set()
    assert names(look, "jones") == {"Jones"}
    added = write(org, Change("create", "Contact", {"LastName": "Newman"}))
    assert names(look, "newman") == {"Newman"}
    org.write(session(org), [Change("delete", "Contact", id=added)], all_or_none=True)
    assert names(look, "newman") == set()
    for number in range(1100):
        write(org, Change("update", "Contact", {"Title": f"title{number}"}, id=row["Id"]))
        if number % 150 == 0:
            assert names(look, f"title{number}") == {"Jones"}
    # By now the index was made again: old numbers must not find anything.
    assert names(look, "title1099") == {"Jones"}
    assert names(look, "title0") == set()


def test_writes_before_any_search_leave_no_trace(org: Org) -> None:
    def private() -> int:
        sql = "SELECT COUNT(*) FROM sqlite_master WHERE name LIKE 'sf\\_search%' ESCAPE '\\'"
        return int(org.store.connection.execute(sql).fetchone()[0])

    write(org, Change("create", "Contact", {"LastName": "Nobody looks"}))
    assert private() == 0
    org.search(session(org), "FIND {nobody} RETURNING Account", base=BASE)
    triggers = org.store.connection.execute("SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    assert {table for (table,) in triggers} == {"Account"}


def test_others_are_served_while_an_index_is_made(org: Org) -> None:
    for start in range(0, 1800, 200):
        rows = [Change("create", "Lead", {"LastName": f"Number{start + row}", "Company": "x"}) for row in range(200)]
        org.write(session(org), rows, all_or_none=True)
    turns = 0

    async def both() -> int:
        nonlocal turns
        search = asyncio.ensure_future(org.search_aside(session(org), "FIND {number*} RETURNING Lead", base=BASE))
        while not search.done():
            turns += 1
            if turns == 2:
                write(org, Change("create", "Lead", {"LastName": "Number late", "Company": "x"}))
                (row,) = org.query(session(org), "SELECT Id FROM Lead WHERE LastName = 'Number7'", base=BASE).records
                write(org, Change("update", "Lead", {"LastName": "Other"}, id=row["Id"]))
            await asyncio.sleep(0)
        return len(search.result().records)

    assert asyncio.run(both()) == 1800
    assert turns > 4


def test_a_restored_org_finds_what_it_had(org: Org, look: Look) -> None:
    assert names(look, "smith") == {"Smith"}
    before = org.snapshot()
    write(org, Change("create", "Contact", {"LastName": "Smith II"}))
    assert len(look("FIND {smith} RETURNING Contact")) == 2
    org.restore(before)
    assert len(look("FIND {smith} RETURNING Contact")) == 1


def test_a_field_that_is_added_is_searched_too(org: Org, look: Look) -> None:
    assert look("FIND {blue} RETURNING Contact") == []
    org.schema.add({}, {"Contact": {"Colour__c": {"type": "text", "length": 20}}})
    write(org, Change("create", "Contact", {"LastName": "Blau", "Colour__c": "blue"}))
    assert names(look, "blue") == {"Blau"}


def test_a_kept_org_counts_its_ids_on(tmp_path: Any) -> None:
    first = Org(1, data=tmp_path / "org.db", clock="virtual")
    first.directory.seed()
    known = write(first, Change("create", "Contact", {"LastName": "Kept"}))
    assert len(first.search(session(first), "FIND {kept} RETURNING Contact", base=BASE).records) == 1
    first.close()
    again = Org(1, data=tmp_path / "org.db", clock="virtual")
    again.directory.seed()
    assert len(again.search(session(again), "FIND {kept}", base=BASE).records) == 1
    assert write(again, Change("create", "Contact", {"LastName": "New"})) > known
    again.close()


@pytest.mark.parametrize(
    ("sosl", "code", "message"),
    [
        ("", "MALFORMED_SEARCH", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Contact", "MALFORMED_SEARCH", "unexpected token: 'SELECT'"),
        ("FIND", "MALFORMED_SEARCH", "No search term found. The search term must be enclosed in braces."),
        ("FIND smith", "MALFORMED_SEARCH", "No search term found. The search term must be enclosed in braces."),
        ("FIND 'smith'", "MALFORMED_SEARCH", "No search term found. The search term must be enclosed in braces."),
        (
            "FIND {John|jane_gray@uoa.edu} RETURNING Contact",
            "MALFORMED_SEARCH",
            "\nFIND {John|jane_gray@uoa.edu} RETURNING Contact\n         ^\nERROR at Row:1:Column:10\nline 1:10 mismatched "
            "character '|' expecting '}'",
        ),
        ('FIND {"a+b"}', "MALFORMED_SEARCH", "mismatched character '+' expecting '\"'"),
        ('FIND {"ab}', "MALFORMED_SEARCH", "mismatched character '}' expecting '\"'"),
        ('FIND {"ab', "MALFORMED_SEARCH", "mismatched character '<EOF>' expecting '\"'"),
        ("FIND {smith", "MALFORMED_SEARCH", "mismatched character '<EOF>' expecting '}'"),
        (
            "FIND {name} IN ALL TYPE RETURNING Account(name)",
            "MALFORMED_SEARCH",
            "\nFIND {name} IN ALL TYPE RETURNING Account(name)\n                  ^\nERROR at Row:1:Column:19\nMalformed search "
            "token: TYPE",
        ),
        ("FIND {name} IN SOME FIELDS", "MALFORMED_SEARCH", "Malformed search token: SOME"),
        ("FIND {a}", "MALFORMED_SEARCH", "search term must be longer than one character: a"),
        ("FIND {a*}", "MALFORMED_SEARCH", "search term must be longer than one character: a*"),
        ("FIND {*}", "MALFORMED_SEARCH", "search term must be longer than one character: *"),
        ("FIND { }", "MALFORMED_SEARCH", "search term must be longer than one character: "),
        ("FIND {AND smith}", "MALFORMED_SEARCH", "unexpected token: 'AND'"),
        ("FIND {smith OR}", "MALFORMED_SEARCH", "unexpected token: '}'"),
        ("FIND {(smith}", "MALFORMED_SEARCH", "expecting a right parentheses, found '}'"),
        ("FIND {smith) x}", "MALFORMED_SEARCH", "unexpected token: ')'"),
        ("FIND {smith} RETURNING Nope", "INVALID_TYPE", "sObject type 'Nope' is not supported."),
        ("FIND {smith} RETURNING Contact(Nope)", "INVALID_FIELD", "No such column 'Nope' on entity 'Contact'."),
        ("FIND {zzzz} RETURNING Contact(Id WHERE Nope = 1)", "INVALID_FIELD", "No such column 'Nope'"),
        ("FIND {smith} RETURNING Contact(Id WHERE)", "MALFORMED_SEARCH", "unexpected token: ')'"),
        ("FIND {smith} RETURNING Contact((SELECT Id FROM Cases))", "MALFORMED_SEARCH", "unexpected token: 'SELECT'"),
        ("FIND {smith} RETURNING Contact(COUNT(Id))", "MALFORMED_SEARCH", "unexpected token: '('"),
        ("FIND {smith} RETURNING Contact(Id LIMIT 1 OFFSET 2001)", "NUMBER_OUTSIDE_VALID_RANGE", "2000"),
        ("FIND {smith} RETURNING Contact(Id USING ListView=Mine)", "MALFORMED_SEARCH", "List view 'Mine'"),
        ("FIND {smith} WITH NOTHING", "MALFORMED_SEARCH", "unexpected token: 'NOTHING'"),
        ("FIND {smith} LIMIT x", "MALFORMED_SEARCH", "unexpected token: 'x'"),
        ("FIND {smith} BOOM", "MALFORMED_SEARCH", "unexpected token: 'BOOM'"),
        ("FIND {" + "ab " * 7000 + "}", "MALFORMED_SEARCH", "SOSL statements can not be longer than 20000 characters"),
        ("FIND {" + "(" * 60 + "ab" + ")" * 60 + "}", "QUERY_TOO_COMPLICATED", "too complicated"),
        ("FIND {" + "ab " * 600 + "}", "QUERY_TOO_COMPLICATED", "too complicated"),
    ],
)
def test_mistakes_get_salesforces_texts(look: Look, sosl: str, code: str, message: str) -> None:
    with pytest.raises(ApiError) as error:
        look(sosl)
    assert error.value.code == code
    assert error.value.message == message if message.startswith("\n") else message in error.value.message


def test_a_long_term_has_no_operators_and_a_very_long_one_finds_nothing(look: Look) -> None:
    assert names(look, "joe OR ann " + "(" * 4000) == set()
    assert names(look, "joe smith " + "(" * 4000) == {"Smith"}
    assert look("FIND {" + "smith" * 2100 + "} RETURNING Contact") == []


@pytest.mark.parametrize(
    ("pattern", "word", "expected"),
    [
        ("a*b", "ab", True),
        ("a*b", "axxb", True),
        ("a*b", "axxc", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("*", "", True),
        ("*a*a*b", "aaab", True),
        ("*a" * 40 + "*b", "a" * 5000, False),
    ],
)
def test_patterns_match_soon(pattern: str, word: str, expected: bool) -> None:
    assert bool(terms.pattern(pattern).match(word)) is expected


# -- against an evaluator that knows nothing of the index

VOCABULARY = ["red", "green", "blue", "reed", "ride", "grün", "gruen", "bleu", "glue"]


@settings(max_examples=40)
@given(st.integers(0, 2**48))
def test_searches_agree_with_a_naive_evaluator(colours: tuple[Look, list[str]], seed: int) -> None:
    look, texts = colours
    chance = Random(seed)
    for _ in range(8):
        find, meets = term(chance)
        got = [
            row["Description"] for row in look(f"FIND {{{find}}} RETURNING Contact(Description ORDER BY CreatedDate)")
        ]
        assert sorted(got) == sorted(text for text in texts if meets(plain(text).split())), find


@pytest.fixture(scope="module")
def colours() -> tuple[Look, list[str]]:
    org = Org(1, clock="virtual")
    org.directory.seed()
    who = session(org)
    chance = Random(3)
    texts = [" ".join(chance.choices(VOCABULARY, k=chance.randint(1, 5))) for _ in range(40)]
    for number, text in enumerate(texts):
        org.write(who, [Change("create", "Contact", {"LastName": f"L{number}", "Description": text})], all_or_none=True)
    return lambda sosl: org.search(who, sosl, base=BASE).records, texts


def plain(text: str) -> str:
    return text.lower().replace("ü", "u")


def term(chance: Random, depth: int = 2) -> tuple[str, Callable[[list[str]], bool]]:
    roll = chance.random()
    if depth and roll < 0.5:
        left, meets_left = term(chance, depth - 1)
        right, meets_right = term(chance, depth - 1)
        word = chance.choice(["AND", "OR", "AND NOT", ""])
        join = {
            "AND": lambda words: meets_left(words) and meets_right(words),
            "": lambda words: meets_left(words) and meets_right(words),
            "OR": lambda words: meets_left(words) or meets_right(words),
            "AND NOT": lambda words: meets_left(words) and not meets_right(words),
        }[word]
        return f"({left} {word} {right})", join
    word = chance.choice(VOCABULARY)
    if roll < 0.65:
        other = chance.choice(VOCABULARY)
        pair = [plain(word), plain(other)]
        return f'"{word} {other}"', lambda words: pair in [words[at : at + 2] for at in range(len(words))]
    if roll < 0.8:
        start = word[: chance.randint(2, len(word))]
        return f"{start}*", lambda words: any(one.startswith(plain(start)) for one in words)
    if roll < 0.9:
        place = chance.randrange(1, len(word))
        head, tail = plain(word[:place]), plain(word[place + 1 :])
        return (
            f"{word[:place]}?{word[place + 1 :]}",
            lambda words: any(len(one) == len(word) and one.startswith(head) and one.endswith(tail) for one in words),
        )
    return word, lambda words: plain(word) in words


PIECES = ["{", "}", "(", ")", '"', "'", "\\", "*", "?", "|", " AND ", " OR ", " NOT ", "FIND", "RETURNING ", "IN NAME FIELDS", " WHERE ",
          "WITH ", "LIMIT 1", ",", "\0", "\n", "NEAR(", "^", "name:", "-", "東", "\U0001f600", "x" * 3000, "; DROP TABLE x", "rank", "--"]  # fmt: skip
SEEDS = [
    "FIND {smith AND (joe OR ann*) AND NOT acme} IN ALL FIELDS RETURNING Contact(Id, LastName WHERE Email != null ORDER BY Id LIMIT 5 OFFSET 1), Account LIMIT 9",
    'FIND {"acme well" ?x* 東} IN PHONE FIELDS RETURNING Contact(Id USING ListView = Recent) WITH METADATA = \'LABELS\' WITH NETWORK IN (\'a\') UPDATE TRACKING',
]  # fmt: skip


@settings(max_examples=150)
@given(st.sampled_from(SEEDS), st.integers(0, 2**48), st.text(max_size=6))
def test_no_text_whatever_breaks_a_search(colours: tuple[Look, list[str]], sosl: str, seed: int, extra: str) -> None:
    chance = Random(seed)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(sosl) + 1)
        sosl = sosl[:at] + chance.choice(["", extra, *PIECES]) + sosl[at + chance.choice([0, 0, 1, 7]) :]
    try:
        colours[0](sosl)
    except ApiError as error:
        assert error.code, sosl
        assert error.message, sosl
