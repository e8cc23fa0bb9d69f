"""What an org that lives in a file remembers of its logins: passwords and apps, sessions, refresh tokens and consents.

Passwords are kept as salted hashes, tokens as plain ones: nobody guesses a token, and it must be found by its hash.
They lie in tables of their own, beside the records.
"""

from __future__ import annotations

import hmac
from dataclasses import asdict
from hashlib import scrypt, sha256
from typing import TYPE_CHECKING, Any

import orjson

from mock_server.org import chance
from mock_server.org.identity.apps import ConnectedApp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mock_server.org.org import Org

_TABLES = (
    'CREATE TABLE IF NOT EXISTS "sf_passwords" ("UserId" TEXT PRIMARY KEY NOT NULL, "Hash" TEXT NOT NULL, '
    '"Expired" INTEGER NOT NULL, "Since" REAL NOT NULL) WITHOUT ROWID',
    'CREATE TABLE IF NOT EXISTS "sf_apps" ("ClientId" TEXT PRIMARY KEY NOT NULL, "App" TEXT NOT NULL) WITHOUT ROWID',
    'CREATE TABLE IF NOT EXISTS "sf_tokens" ("Kind" TEXT NOT NULL, "Name" TEXT NOT NULL, "Told" TEXT NOT NULL, '
    'PRIMARY KEY ("Kind", "Name")) WITHOUT ROWID',
)
_SETS = ("grants", "approved", "consented")
_TUPLES = ("scopes", "callbacks")


def hashed(password: str, salt: str | None = None) -> str:
    """Return a password's salted hash: `salt$hash`."""
    salt = salt or chance.secret(16)
    return f"{salt}${scrypt(password.encode(errors='replace'), salt=salt.encode(), n=4096, r=8, p=1).hex()}"


def matches(password: str, known: str) -> bool:
    """Tell whether a hash is that of a password."""
    return hmac.compare_digest(hashed(password, known.partition("$")[0]), known)


_ASLEEP = "sha256:"


def print_of(token: str) -> str:
    """Return the name under which a token is kept; one that is such a name already stays."""
    if asleep(token):
        return token
    return _ASLEEP + sha256(token.encode(errors="replace")).hexdigest()


def asleep(token: str) -> bool:
    """Tell whether a text is the name of a token that nobody has brought since the org was opened."""
    return token.startswith(_ASLEEP)


class Keeper:
    """Writes to an org's file, and reads from it; an org without one has nothing to keep."""

    def __init__(self, org: Org, *, active: bool) -> None:
        self._org = org
        self.active = active

    def note(self, kind: str, name: str, told: Any) -> None:
        """Keep what there is to tell of a thing: plain data."""
        if self.active:
            self._run('INSERT OR REPLACE INTO "sf_tokens" VALUES (?, ?, ?)', kind, name, orjson.dumps(told).decode())

    def forget(self, kind: str, name: str) -> None:
        """Keep a thing no longer."""
        if self.active:
            self._run('DELETE FROM "sf_tokens" WHERE "Kind" = ? AND "Name" = ?', kind, name)

    def forget_all(self) -> None:
        """Keep no session, refresh token, consent or other thing that was noted any longer."""
        if self.active:
            self._run('DELETE FROM "sf_tokens"')

    def noted(self, kind: str) -> Iterator[tuple[str, Any]]:
        """Yield the names of the things of a kind, and what was told of them."""
        if self.active:
            for name, text in self._run('SELECT "Name", "Told" FROM "sf_tokens" WHERE "Kind" = ?', kind):
                yield name, orjson.loads(text)

    def _run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        connection = self._org.store.connection
        for table in _TABLES:
            connection.execute(table)
        return connection.execute(sql, values).fetchall()

    def password(self, user_id: str, password: str, *, expired: bool, since: float) -> None:
        """Keep a password that was set."""
        if self.active:
            values = user_id, hashed(password), int(expired), since
            self._run('INSERT OR REPLACE INTO "sf_passwords" VALUES (?, ?, ?, ?)', *values)

    def app(self, app: ConnectedApp) -> None:
        """Keep an app that was registered."""
        if self.active:
            plain = asdict(app)
            for key in _SETS:
                plain[key] = None if plain[key] is None else sorted(plain[key])
            self._run('INSERT OR REPLACE INTO "sf_apps" VALUES (?, ?)', app.client_id, orjson.dumps(plain).decode())

    def passwords(self) -> Iterator[tuple[str, str, bool, float]]:
        """Yield user, hash, whether it is expired and since when it holds, of each password that was kept."""
        if self.active:
            for user_id, known, expired, since in self._run('SELECT * FROM "sf_passwords"'):
                yield user_id, known, bool(expired), since

    def apps(self) -> Iterator[ConnectedApp]:
        """Yield the apps that were kept."""
        if self.active:
            for _, text in self._run('SELECT * FROM "sf_apps"'):
                plain: dict[str, Any] = orjson.loads(text)
                for key in _SETS:
                    plain[key] = None if plain[key] is None else frozenset(plain[key])
                for key in _TUPLES:
                    plain[key] = tuple(plain[key])
                yield ConnectedApp(**plain)
