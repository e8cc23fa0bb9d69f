"""The replay ids of an org: which were given out, when, and the next ones."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate, repeat

from mock_server.org.chance import stream
from mock_server.org.events.channel import RETENTION

LONGEST = max(RETENTION.values())
"""Seconds after which a replay id is good for no channel any more."""
_WIDEST_GAP = 3
_GAPS = bytes(1 + byte % _WIDEST_GAP for byte in range(256))


class ReplayIds:
    """They increase through the whole org, and are not consecutive."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._gaps = stream(seed, "replay ids")
        self.last = 0
        """The one that was given out last."""
        self._given: list[int] = []
        self._at: list[float] = []

    def __len__(self) -> int:
        return len(self._given)

    def reserve(self, count: int, now: float) -> list[int]:
        """Return the next ones, in order."""
        self._expire(now)
        # A byte a gap: a large load asks for very many at once.
        gaps = self._gaps.randbytes(count).translate(_GAPS)
        ids = list(accumulate(gaps, initial=self.last))[1:]
        self._given.extend(ids)
        self._at.extend(repeat(now, count))
        self.last = ids[-1]
        return ids

    def skip(self, now: float) -> None:
        """Give one out that no event has."""
        self.note(self.last + 1 + self._gaps.randrange(_WIDEST_GAP), now)
        self._expire(now)

    def note(self, replay_id: int, at: float) -> None:
        """Know of one that was given out at a moment."""
        self.last = replay_id
        self._given.append(replay_id)
        self._at.append(at)

    def begin_anew(self) -> None:
        """Draw others from now on than the life of the server did in which the last one was given out."""
        self._gaps = stream(self._seed, "replay ids", str(self.last))

    def forget_after(self, last: int) -> None:
        """Take back all that follow one."""
        place = bisect_right(self._given, last)
        del self._given[place:], self._at[place:]
        self.last = last

    def given_at(self, replay_id: int, now: float) -> float | None:
        """Return when one was given out, None for one that never was, or is good for no channel any more."""
        self._expire(now)
        place = bisect_left(self._given, replay_id)
        known = place < len(self._given) and self._given[place] == replay_id
        return self._at[place] if known else None

    def given_since(self, moment: float) -> bool:
        """Tell whether one was given out after a moment."""
        return bool(self._at) and self._at[-1] > moment

    def _expire(self, now: float) -> None:
        if self._at and self._at[0] <= now - LONGEST:
            gone = bisect_right(self._at, now - LONGEST)
            del self._given[:gone], self._at[:gone]
