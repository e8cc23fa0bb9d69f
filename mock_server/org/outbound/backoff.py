"""When an outbound message that was not acknowledged is tried again, and when no more.

Source: SOAP API Developer Guide, "Understanding Notifications": the time between two tries grows exponentially, up to
two hours; a message is dropped 24 hours after it was queued. Where it begins is not documented: 30 seconds, then a
minute, two, four and so on, is what integrators report.
"""

from __future__ import annotations

FIRST = 30.0
LONGEST = 7_200.0
LIFE = 86_400.0
"""Seconds from a message's being queued to its being dropped."""
TIMEOUT = 60.0
"""Seconds that a receiver may take (Salesforce Help, "Considerations for Outbound Messages")."""


def pause(attempts: int) -> float:
    """Return the seconds to wait after so many attempts, from 1."""
    return min(FIRST * 2.0 ** min(attempts - 1, 20), LONGEST)


def next_try(queued: float, attempts: int, now: float) -> float | None:
    """Return when to try again, in clock seconds; None where the message is too old by then."""
    due = now + pause(attempts)
    return due if due < queued + LIFE else None
