"""Keeps an org's secrets out of whatever is written down: the journal, logs, and the texts of errors.

What has the form of a token is hidden wherever it came from; passwords and client secrets are known by their values.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from traceback import format_exception
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from mock_server.org.org import Org

HIDDEN = "[hidden]"
_FORMS = re.compile(
    r"00D[0-9A-Za-z]{12}(?:!|%21)[0-9A-Za-z._]{20,}"  # access tokens
    r"|5Aep861[0-9A-Za-z._]{20,}"  # refresh tokens
    r"|aPrx[0-9A-Za-z._]{20,}(?:={1,2}|(?:%3[Dd]){1,2})?"  # authorization codes
    r"|eyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]*"  # signed assertions
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
)
_REMEMBERED = 2048
_LONGEST_REMEMBERED = 256
"""The texts of most requests are those of the ones before: that these hold no secret is remembered."""
_CODES = re.compile(r"[0-9A-Za-z._]{64,}|(?<![0-9A-Za-z])[0-9A-Za-z]{8}(?![0-9A-Za-z])")
"""What may be a code of the device flow or the key to a browser session; the org knows which of them it gave out."""
_NOTHING: frozenset[str] = frozenset()
_SHORTEST = 6
"""A shorter secret is a word like others: hiding it would garble texts, and protect nothing."""


def hide_tokens(text: str) -> str:
    """Return a text without what has the form of a token."""
    return _FORMS.sub(HIDDEN, text)


def _in_json(text: str) -> str:
    try:
        return orjson.dumps(text).decode()[1:-1]
    except TypeError:
        return text  # half of a character: what holds it cannot be written as JSON at all


class TokenFilter(logging.Filter):
    """Hides tokens in what is logged, tracebacks too."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = hide_tokens(record.getMessage()), ()
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = hide_tokens("".join(format_exception(record.exc_info[1])).rstrip())
        return True


class Redactor:
    """Hides the secrets of one org."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._key: object = None
        self._values: list[str] = []
        self._said: list[str] = []
        """Those of the values that JSON writes in another way."""
        self._clean: set[str] = set()

    @property
    def clean(self) -> set[str] | frozenset[str]:
        """Texts that are known to hold no secret."""
        self._known()
        return _NOTHING if self._gives_codes else self._clean

    def hide(self, text: str) -> str:
        """Return a text with every secret hidden."""
        values, coded = self._known(), self._gives_codes
        if text in self._clean and not coded:
            return text
        hidden = _FORMS.sub(HIDDEN, text)
        if coded:
            hidden = _CODES.sub(self._unless_unknown, hidden)
        for value in values:
            if value in hidden:
                hidden = hidden.replace(value, HIDDEN)
        if hidden == text and not coded and len(text) <= _LONGEST_REMEMBERED:
            if len(self._clean) >= _REMEMBERED:
                self._clean.clear()
            self._clean.add(text)
        return hidden

    def hide_each(self, *texts: str) -> list[str]:
        """Return several texts as `hide` does."""
        clean = self.clean
        return [text if text in clean else self.hide(text) for text in texts]

    @property
    def _gives_codes(self) -> bool:
        """Whether the org has given out codes or browser sessions, which no form or list of values tells."""
        return self._org.devices.any or self._org.authorizations.any

    def hide_within(self, value: Any) -> Any:
        """Return plain data, as JSON holds it, with every secret hidden in its texts and keys."""
        return value if self._is_clean(value) else self._hidden_within(value)

    def _is_clean(self, value: Any) -> bool:
        """Tell whether data is sure to hold no secret. One look at all of its text is enough for nearly all."""
        if self._gives_codes:
            return False
        try:
            text = orjson.dumps(value).decode()
        except TypeError:
            return False
        values = self._known()
        return not (_FORMS.search(text) or any(one in text for one in values) or any(one in text for one in self._said))

    def _hidden_within(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, dict):
            return {self._hidden_within(key): self._hidden_within(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self._hidden_within(one) for one in value]
        return value

    def _unless_unknown(self, found: re.Match[str]) -> str:
        org, code = self._org, found[0].rstrip(".")
        known = any(org.devices.knows(one) or org.authorizations.knows(one) for one in (code, found[0]))
        return HIDDEN if known else found[0]

    def _known(self) -> list[str]:
        """Return the values of the org's secrets, the longest first."""
        directory = self._org.directory
        key = (directory.revision, len(directory.secrets), len(directory.apps))
        if key != self._key:
            self._key = key
            self._clean.clear()
            # The longest first: a password is often the beginning of a password with its token.
            self._values = sorted({one for one in self._secrets() if len(one) >= _SHORTEST}, key=len, reverse=True)
            self._said = [said for one in self._values if (said := _in_json(one)) != one]
        return self._values

    def _secrets(self) -> Iterator[str]:
        from urllib.parse import quote

        directory = self._org.directory
        for secret in directory.secrets.values():
            for one in (secret.password, secret.security_token, *secret.former):
                yield from (one, quote(one, safe=""))
        for app in directory.apps.values():
            yield from (app.client_secret, quote(app.client_secret, safe=""))
