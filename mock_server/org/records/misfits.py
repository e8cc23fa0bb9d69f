"""A value of the wrong JSON type, in the words of Salesforce's parser."""

from __future__ import annotations

from typing import Any

from mock_server.org.schema.types import Field

# Jackson's names of JSON tokens, which Salesforce's messages show.
_TOKENS: dict[type, str] = {
    str: "VALUE_STRING",
    int: "VALUE_NUMBER_INT",
    float: "VALUE_NUMBER_FLOAT",
    dict: "START_OBJECT",
    list: "START_ARRAY",
}
_TYPED = ("int", "long", "double", "boolean", "date", "datetime", "time")


def wire_type(field: Field) -> str:
    """Return the type that messages name: `double` for all numbers with decimals, `string` for all texts."""
    kind = {"currency": "double", "percent": "double"}.get(field.type, field.type)
    return kind if kind in _TYPED else "string"


class Misfit(Exception):
    """A value of the wrong JSON type. What that means depends on the protocol: REST refuses the whole request."""

    def __init__(self, field: Field, value: Any) -> None:
        super().__init__(f"{field.name}: {str(value)[:200]!r}")
        self.field = field
        self.value = value

    @property
    def text(self) -> str:
        """The message without its position."""
        token = _TOKENS.get(type(self.value), "VALUE_STRING")
        if isinstance(self.value, bool):
            token, shown = ("VALUE_TRUE", "true") if self.value else ("VALUE_FALSE", "false")
        elif isinstance(self.value, dict | list):
            shown = "{" if isinstance(self.value, dict) else "["
        else:
            shown = str(self.value)
        return (
            f"Cannot deserialize instance of {wire_type(self.field)} from {token} value {shown} or request may be "
            "missing a required field"
        )
