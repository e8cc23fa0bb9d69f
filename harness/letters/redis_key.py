"""A dead-letter queue in Redis: a list, a stream, a hash, a set or a sorted set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from harness.letters.flat import as_text, read_row
from harness.letters.letter import BrokenLetter, Letter, LetterMap, QueueError, read_letter
from harness.letters.remote import shown, within

FORM = "redis://host:6379/0/key"
ANSWER, READING = 10.0, 300.0


@dataclass(frozen=True)
class RedisQueue:
    """A key of a Redis database: `redis://[user:password@]host[:port]/database/key`.

    Each entry of a list or set is a JSON object, and each value of a hash, whose field is the letter's key where it
    names none. An entry of a stream is a letter, field by field, or has one field with the whole letter as JSON.
    """

    url: str
    mapping: LetterMap | None = None

    def check(self) -> None:
        """Raise QueueError when the server does not answer, or the key holds something else. It may be absent."""
        within(ANSWER, self._kind, self._where)

    def read(self) -> list[Letter | BrokenLetter]:
        """Read all entries; those of a list and a stream in their order. Raises QueueError when they cannot be read."""
        return within(READING, self._read, self._where)

    @property
    def _where(self) -> str:
        return f"dead-letter queue {shown(self.url)}"

    def _kind(self) -> str:
        with self._client() as (client, key):
            return self._kind_of(client, key)

    def _kind_of(self, client: Any, key: str) -> str:
        kind = str(client.type(key).decode())
        if kind not in ("none", "list", "stream", "hash", "set", "zset"):
            raise QueueError(f"{self._where}: the key holds a {kind}, where a list or a stream is wanted")
        return kind

    def _read(self) -> list[Letter | BrokenLetter]:
        with self._client() as (client, key):
            kind = self._kind_of(client, key)
            entries: Iterable[Any]
            if kind == "stream":
                entries = client.xrange(key)
                return [self._of_fields(fields or {}, line) for line, (_, fields) in enumerate(entries, 1)]
            if kind == "hash":
                entries = client.hgetall(key).items()
                return [self._of_text(text, line, _text(name)) for line, (name, text) in enumerate(entries, 1)]
            if kind == "zset":
                entries = client.zrange(key, 0, -1)
            elif kind == "set":
                entries = sorted(client.smembers(key))
            else:
                entries = client.lrange(key, 0, -1) if kind == "list" else ()
            return [self._of_text(text, line) for line, text in enumerate(entries, 1)]

    def _of_text(self, data: bytes, line: int, name: str | None = None) -> Letter | BrokenLetter:
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            return BrokenLetter(_text(data), line, f"not JSON: {error}")
        if not isinstance(value, dict):
            return BrokenLetter(_text(data), line, "a letter must be a JSON object")
        letter = read_letter(_text(data), value, line, self.mapping)
        return replace(letter, key=name) if letter.key is None and name is not None else letter

    def _of_fields(self, fields: dict[bytes, bytes], line: int) -> Letter | BrokenLetter:
        row = {_text(name): _text(value) for name, value in fields.items()}
        if len(row) == 1 and not {"record", "key"} & set(row):
            (data,) = fields.values()
            whole = self._of_text(data, line)
            if isinstance(whole, Letter):
                return whole
        letter = read_row(row, line, self.mapping)
        return letter if row else BrokenLetter(as_text(row), line, "the entry is empty")

    @contextmanager
    def _client(self) -> Iterator[tuple[Any, str]]:
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.exceptions import RedisError
            from redis.retry import Retry
        except ImportError:
            raise QueueError(f"{self._where}: this needs the Redis client; pip install 'sfmock[redis]'") from None
        address, key = self._parts()
        try:
            client = redis.Redis.from_url(
                address, socket_connect_timeout=5, socket_timeout=READING, retry=Retry(NoBackoff(), 0)
            )
        except ValueError as error:
            raise QueueError(f"{self._where}: {error}; give {FORM}") from None
        try:
            yield client, key
        except (RedisError, OSError, ValueError) as error:
            if isinstance(error, QueueError):
                raise
            raise QueueError(f"{self._where}: {' '.join(str(error).split())[:500]}") from None
        finally:
            client.close()

    def _parts(self) -> tuple[str, str]:
        """Return the address of the database and the key."""
        try:
            parts = urlsplit(self.url)
            database, _, key = parts.path.removeprefix("/").partition("/")
            if not (parts.hostname and database.isascii() and database.isdigit() and key) or parts.port == 0:
                raise ValueError
        except ValueError:
            raise QueueError(f"{self._where}: this names no database and key; give {FORM}") from None
        return parts._replace(path=f"/{database}", fragment="").geturl(), unquote(key)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
