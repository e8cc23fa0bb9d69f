"""The API version of a path, and what it brings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mock_server.operations import Call
from mock_server.org.events.clients import DURABLE
from mock_server.protocols.cometd import replies
from mock_server.protocols.cometd.messages import Unreadable

OLDEST = 23.0
_DELETIONS = 29.0
"""The version that a client must connect by to be told of them (Object Reference, "PushTopic")."""
_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}")
_RELEASE = re.compile(r"[1-9][0-9]{1,2}\.0")
"""All versions that there have been are whole numbers."""
_EXT = {"replay": True, "payload.format": True}


@dataclass(frozen=True, slots=True)
class Api:
    """What a client may expect. `durable`: its events can be replayed; `ext` is what a handshake is told of that.
    `deletions`: PushTopics tell it of deletions and undeletions."""

    durable: bool
    deletions: bool = True

    @property
    def ext(self) -> dict[str, Any] | None:
        return _EXT if self.durable else None


def read(call: Call) -> Api:
    """Return what the version in a path means. Raises Unreadable."""
    return _api(call.args.get("version", ""), call.args.get("step", "").partition("/")[0], call.org.latest)


@lru_cache(64)
def _api(version: str, step: str, latest: int) -> Api:
    """Return what a version means. Raises Unreadable.

    The status of its answer is 400, as a client has recorded of `/cometd/replay/38.0`.
    """
    if (version, step) == ("replay", "36.0"):
        # The one version between: in it events could be replayed on request.
        return Api(durable=True)
    if not _VERSION.fullmatch(version):
        raise Unreadable(400, replies.NO_VERSION)
    if not _RELEASE.fullmatch(version) or not OLDEST <= float(version) <= latest:
        raise Unreadable(400, replies.OLD_VERSION)
    return Api(durable=float(version) >= DURABLE, deletions=float(version) >= _DELETIONS)
