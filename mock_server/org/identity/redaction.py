"""Keeps an org's secrets out of whatever is written down: the journal, logs, and the texts of errors.

What has the form of a token is hidden wherever it came from; passwords and client secrets are known by their values.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from traceback import format_exception
from typing import TYPE_CHECKING, Any

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
_CODES = re.compile(r"[0-9A-Za-z._]{64,}|(?<![0-9A-Za-z])[0-9A-Za-z]{8}(?![0-9A-Za-z])")
"""What may be a code of the device flow or the key to a browser session; the org knows which of them it gave out."""
_SHORTEST = 6
"""A shorter secret is a word like others: hiding it would garble texts, and protect nothing."""


def hide_tokens(text: str) -> str:
    """Return a text without what has the form of a token."""
    return _FORMS.sub(HIDDEN, text)


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
        self._values: re.Pattern[str] | None = None

    def hide(self, text: str) -> str:
        """Return a text with every secret hidden."""
        text = _FORMS.sub(HIDDEN, text)
        if self._org.devices.any or self._org.authorizations.any:
            text = _CODES.sub(self._unless_unknown, text)
        values = self._pattern()
        return values.sub(HIDDEN, text) if values is not None else text

    def hide_within(self, value: Any) -> Any:
        """Return plain data, as JSON holds it, with every secret hidden in its texts and keys."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, dict):
            return {self.hide_within(key): self.hide_within(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.hide_within(one) for one in value]
        return value

    def _unless_unknown(self, found: re.Match[str]) -> str:
        org, code = self._org, found[0].rstrip(".")
        known = any(org.devices.knows(one) or org.authorizations.knows(one) for one in (code, found[0]))
        return HIDDEN if known else found[0]

    def _pattern(self) -> re.Pattern[str] | None:
        directory = self._org.directory
        key = (directory.revision, len(directory.secrets), len(directory.apps))
        if key != self._key:
            self._key = key
            # The longest first: a password is often the beginning of a password with its token.
            known = sorted({one for one in self._secrets() if len(one) >= _SHORTEST}, key=len, reverse=True)
            self._values = re.compile("|".join(map(re.escape, known))) if known else None
        return self._values

    def _secrets(self) -> Iterator[str]:
        from urllib.parse import quote

        directory = self._org.directory
        for secret in directory.secrets.values():
            for one in (secret.password, secret.security_token, *secret.former):
                yield from (one, quote(one, safe=""))
        for app in directory.apps.values():
            yield from (app.client_secret, quote(app.client_secret, safe=""))
