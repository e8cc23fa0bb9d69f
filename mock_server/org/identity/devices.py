"""Devices without a browser that wait for their user to let them in on another one: RFC 8628, as Salesforce has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mock_server.org import chance
from mock_server.org.clock import Clock
from mock_server.org.identity.authorizations import Lapsing

LIFE = 600.0
"""Seconds that a device's codes are good for."""
INTERVAL = 5
"""Seconds that a device has to wait between two questions."""
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Of a user code: none that is easily taken for another."""

Outcome = Literal["waiting", "approved", "denied"]


@dataclass(slots=True)
class Device:
    """A device that waits. `user_id` is who has let it in, `polled` when it asked last, in clock seconds."""

    code: str
    user_code: str
    client_id: str
    scopes: tuple[str, ...]
    outcome: Outcome = "waiting"
    user_id: str = ""
    polled: float | None = None


class Devices:
    """The waiting devices of one org."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_code: Lapsing[Device] = Lapsing(clock, LIFE)
        self._by_user_code: Lapsing[Device] = Lapsing(clock, LIFE)

    @property
    def any(self) -> bool:
        """Whether there are codes at all."""
        return bool(self._by_code.kept)

    def knows(self, text: str) -> bool:
        """Tell whether a text is a code of a device of this org."""
        return text in self._by_code or folded(text) in self._by_user_code

    def start(self, client_id: str, scopes: tuple[str, ...]) -> Device:
        """Let a device wait from now on."""
        device = Device(chance.secret(64), chance.word(8, _LETTERS), client_id, scopes)
        self._by_code.put(device.code, device)
        self._by_user_code.put(device.user_code, device)
        return device

    def of_user_code(self, text: str) -> Device | None:
        """Find the device that shows a code, however its user typed it; only while nobody has decided about it."""
        device = self._by_user_code.get(folded(text))
        return device if device is not None and device.outcome == "waiting" else None

    def of_code(self, code: str) -> Device | None:
        return self._by_code.get(code)

    def expired(self, code: str) -> bool:
        """Tell whether a device's code was good once, and is no more."""
        return self._by_code.expired(code)

    def decide(self, code: str, user_id: str, *, approved: bool) -> None:
        """Note a user's answer."""
        device = self._by_code.get(code)
        if device is not None and device.outcome == "waiting":
            device.outcome, device.user_id = "approved" if approved else "denied", user_id

    def too_fast(self, device: Device) -> bool:
        """Note that a device asks, and tell whether it asked less than `INTERVAL` before."""
        now = self._clock.now()
        before, device.polled = device.polled, now
        return before is not None and now - before < INTERVAL

    def finish(self, device: Device) -> None:
        """Forget a device that has its tokens."""
        self._by_code.take(device.code)
        self._by_user_code.take(device.user_code)


def folded(text: str) -> str:
    """Return a user code without what a person may add: case, spaces, dashes."""
    return "".join(text.split()).replace("-", "").upper()
