"""Events as Avro, beside what an independent implementation makes of the same values and bytes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.org.events.avro import Codec, NotDecoded

PLACE = {
    "type": "record",
    "name": "Place",
    "fields": [{"name": "City", "type": ["null", "string"]}, {"name": "Floor", "type": "int"}],
}
SCHEMA: dict[str, Any] = {
    "name": "Order__e",
    "namespace": "com.sforce.eventbus",
    "type": "record",
    "uuid": "x",
    "fields": [
        {"name": "Number", "type": ["null", "string"]},
        {"name": "Amount", "type": ["null", "double"]},
        {"name": "When", "type": "long"},
        {"name": "Urgent", "type": "boolean"},
        {"name": "Kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B", "C"]}},
        {"name": "Ids", "type": {"type": "array", "items": "string"}},
        {"name": "Place", "type": ["null", PLACE]},
        {"name": "Other", "type": ["null", "string", "Place"]},
    ],
}
CODEC = Codec(SCHEMA)
PARSED = fastavro.parse_schema(dict(SCHEMA), named_schemas={})
INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=300)
PLACES = st.fixed_dictionaries({"City": st.none() | TEXT, "Floor": st.integers(-(2**31), 2**31 - 1)})
VALUES = st.fixed_dictionaries(
    {
        "Number": st.none() | TEXT,
        "Amount": st.none() | st.floats(allow_nan=False),
        "When": INT64,
        "Urgent": st.booleans(),
        "Kind": st.sampled_from("ABC"),
        "Ids": st.lists(TEXT, max_size=5),
        "Place": st.none() | PLACES,
        "Other": st.none() | TEXT | PLACES,
    }
)


def by_others(values: dict[str, Any]) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, PARSED, values)
    return out.getvalue()


@given(VALUES)
def test_values_are_written_and_read_as_others_do(values: dict[str, Any]) -> None:
    written = CODEC.encode(values)
    assert written == by_others(values)
    assert CODEC.decode(written) == values


@given(st.binary(max_size=200) | VALUES.map(by_others).flatmap(lambda b: st.integers(0, len(b)).map(lambda n: b[:n])))
def test_no_bytes_do_harm(content: bytes) -> None:
    try:
        values = CODEC.decode(content)
    except NotDecoded as told:
        assert not any(word in str(told) for word in ("index", "struct", "codec"))
    else:
        # Numbers can be written longer than they need to be; the values are the same all the same.
        assert CODEC.decode(CODEC.encode(values)) == values or "nan" in repr(values)


FLAT = Codec(
    {
        "name": "Flat__e",
        "type": "record",
        "uuid": "y",
        "fields": [{"name": "When", "type": "long"}, {"name": "Text", "type": ["null", "string"]}],
    }
)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the data ends before the value of When does"),
        (b"\x02", "the data ends before the value of Text does"),
        (b"\x02\x02\x14abc", "the data ends before the value of Text does"),
        (b"\x02\x04", "the value of Text is of no type of its union"),
        (b"\x02\x02\x03a", "the value of Text has a length below 0"),
        (b"\x02\x02\x02\xff", "the text of Text is not UTF-8"),
        (b"\xff" * 12, "the value of When is a number of more than 64 bits"),
        (b"\xff" * 9 + b"\x02\x00", "the value of When is a number of more than 64 bits"),
        (b"\x02\x00\x00\x00", "2 bytes are left over"),
    ],
)
def test_what_is_wrong_is_told_in_words(content: bytes, why: str) -> None:
    with pytest.raises(NotDecoded) as told:
        FLAT.decode(content)
    assert str(told.value) == why


def test_half_a_pair_of_surrogates_is_written_as_a_question_mark() -> None:
    assert FLAT.decode(FLAT.encode({"When": 0, "Text": "a\ud800"})) == {"When": 0, "Text": "a?"}
