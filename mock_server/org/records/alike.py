"""When two values count as the same to a matching rule.

`exact` compares without case and outer blanks. The fuzzy methods are simple: each brings both values into one form and
compares the forms. Salesforce's also know nicknames, initials, sounds and typing errors; these do not.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

METHODS = {
    "exact": "exact", "fuzzy": "words", "firstname": "words", "lastname": "words", "title": "words", "city": "words",
    "street": "words", "companyname": "company", "company": "company", "phone": "phone", "zip": "zip",
}  # fmt: skip
"""How a rule names a method (in lower case), and the form in which it compares."""
_LEGAL = frozenset(
    ["ag", "bv", "co", "company", "corp", "corporation", "gmbh", "inc", "incorporated", "limited", "llc", "llp", "ltd",
     "nv", "plc", "pty", "sa", "sarl", "spa", "srl", "the"]
)  # fmt: skip
_WORD = re.compile(r"[^\W_]+")


def alike(form: str, value: Any) -> str:
    """Return the form of a value in which equal means the same; empty for none."""
    if value is None:
        return ""
    text = str(value).strip().casefold()
    if form == "exact":
        return text
    if form == "phone":
        # The last ten digits: what stands before them is a country's or an exchange's code.
        return "".join(character for character in text if character.isdigit())[-10:]
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    words = _WORD.findall(plain.replace("'", "").replace(".", ""))
    if form == "company":
        words = [word for word in words if word not in _LEGAL] or words
    elif form == "zip":
        return "".join(words)[:5]
    return " ".join(words)
