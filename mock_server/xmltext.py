"""XML as Salesforce's REST API reads and writes it: the same values as in JSON, in another form.

Source: REST API Developer Guide, the XML examples of its older editions: records carry `type` and `url` as attributes,
a list is its element repeated, what is empty says `xsi:nil`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mock_server.org import errors
from mock_server.org.errors import ApiError

if TYPE_CHECKING:
    from mock_server.org.schema.xml_tree import Element

CONTENT_TYPE = "application/xml;charset=UTF-8"
KINDS = frozenset({"application/xml", "text/xml"})
"""Media types that say XML."""
_LISTS = frozenset({"records", "ids", "fields", "sobjects", "batchrequests", "compositerequest", "inputs", "graphs"})
"""Elements that stand for a list even where only one is given."""
_MOST_ELEMENTS = 100_000
"""Elements of a body: 200 records of 500 fields."""
_WRAPPED = {"batchrequests": "batchrequest"}
"""Lists whose items stand in elements of their own below it."""
_FLAGS = frozenset({"allornone", "haltonerror", "collatesubrequests"})
_NAME = re.compile(r"[A-Za-z_][\w.\-]*")
_XSI = "http://www.w3.org/2001/XMLSchema-instance"


# -- reading


def read(body: bytes) -> Any:
    """Return the value that a body stands for; the name of its root element says nothing.

    Raises XML_PARSER_ERROR for what is no XML, is nested or branched beyond measure, or has a DTD.
    """
    # Late: few clients speak XML, and its modules are large.
    from mock_server.org.schema.xml_tree import XmlError, parse

    if not body.strip():
        raise errors.XML_PARSER_ERROR(text="Premature end of file.", line=1)
    try:
        root = parse(body, _MOST_ELEMENTS)
    except XmlError as error:
        text = "DTD is not supported" if "DTD" in error.message else error.message
        raise errors.XML_PARSER_ERROR(text=text, line=error.line) from None
    return _object(root)


def _object(element: Element) -> dict[str, Any]:
    out: dict[str, Any] = {}
    repeated: set[str] = set()
    for child in element.children:
        value, tag = _value(child), child.tag
        within = _WRAPPED.get(tag.lower())
        if within is not None and child.children and all(one.tag.lower() == within for one in child.children):
            out.setdefault(tag, []).extend(_value(one) for one in child.children)
        elif tag in repeated:
            out[tag].append(value)
        elif tag in out:
            out[tag] = [out[tag], value]
            repeated.add(tag)
        elif tag.lower() in _LISTS:
            out[tag] = [value]
            repeated.add(tag)
        else:
            out[tag] = value
    return out


def _value(element: Element) -> Any:
    if element.nil:
        return None
    if element.tag.lower() == "richinput" and len(element.children) == 1 and element.children[0].children:
        # The record of a batch's subrequest stands in an element of its object's name.
        return _value(element.children[0])
    if element.children or element.reference is not None:
        found = _object(element)
        attributes = {"type": element.type, "referenceId": element.reference}
        said = {name: value for name, value in attributes.items() if value}
        return {"attributes": said, **found} if said else found
    if element.tag.lower() in _FLAGS and element.text.lower() in ("true", "false"):
        return element.text.lower() == "true"
    return element.text or None


def misfit_error(text: str) -> ApiError:
    """Return the error for a value that the type of its field does not take."""
    return errors.XML_PARSER_ERROR(text=text, line=1)


# -- writing


def write(root: str, each: str, value: Any, *, pretty: bool = False) -> bytes:
    """Write a value below a root element; `each` names the elements of a value that is a list."""
    out = ['<?xml version="1.0" encoding="UTF-8"?>']
    body: list[str] = []
    step = "\n" if pretty else ""
    if isinstance(value, list):
        attributes = ""
        for item in value:
            _write(body, each, item, step and f"{step}  ")
    else:
        attributes, rest = _attributes(value)
        _children(body, rest, step and f"{step}  ")
    written = "".join(body)
    nothing = f' xmlns:xsi="{_XSI}"' if "xsi:nil" in written else ""
    out += [step, f"<{root}{attributes}{nothing}>", written, step, f"</{root}>"]
    return "".join(out).encode("utf-8", "replace")


def _attributes(value: Any) -> tuple[str, Any]:
    """Take the attributes of a record off it, as they stand in its tag."""
    given = value.get("attributes") if isinstance(value, dict) else None
    if not isinstance(given, dict):
        return "", value
    pairs = "".join(f' {key}="{escaped(str(one))}"' for key, one in given.items() if isinstance(one, str))
    return pairs, {key: one for key, one in value.items() if key != "attributes"}


def _write(out: list[str], name: str, value: Any, step: str) -> None:
    if isinstance(value, list):
        for item in value:
            _write(out, name, item, step)
        return
    begin, end = _tags(name)
    if isinstance(value, str):
        out.append(f"{step}{begin}>{escaped(value)}{end}")
    elif value is None:
        out.append(f'{step}{begin} xsi:nil="true"/>')
    elif isinstance(value, dict):
        attributes, rest = _attributes(value)
        out.append(f"{step}{begin}{attributes}>")
        _children(out, rest, step and f"{step}  ")
        out.append(f"{step}{end}")
    else:
        out.append(f"{step}{begin}>{_text(value)}{end}")


@lru_cache(1024)
def _tags(name: str) -> tuple[str, str]:
    """Return how an element's tags begin and end it; what cannot be a name of one becomes an attribute."""
    if _NAME.fullmatch(name):
        return f"<{name}", f"</{name}>"
    return f'<entry name="{escaped(name)}"', "</entry>"


def _children(out: list[str], value: Any, step: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _write(out, key, item, step)
    elif value is not None:
        out.append(_text(value))


def _text(value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    return escaped(str(value))


def escaped(text: str) -> str:
    """Return text as XML may hold it; characters that no document may have become U+FFFD."""
    if text.isalnum():
        return text
    if not text.isprintable():
        text = _unwritable().sub("\ufffd", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


@lru_cache(1)
def _unwritable() -> re.Pattern[str]:
    # Late: it takes long to compile, and few answers are XML.
    return re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
