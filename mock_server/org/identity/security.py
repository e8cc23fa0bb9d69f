"""An org's security settings: how long sessions last, which networks are trusted, how often a password may be wrong.

Source: Salesforce Help, "Modify Session Security Settings", "Set Password Policies", "Set Trusted IP Ranges".
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mock_server.org.identity.networks import Hours, Range

SESSION_TIMEOUT = 7200.0
SHORTEST_SESSION, LONGEST_SESSION = 900.0, 86_400.0
"""Seconds without a call after which a session ends."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for the logins of one profile or user. None: nothing is said here.

    `ranges` are the only addresses that may log in, `hours` the only times. `trusted` says whether a password does
    without the security token.
    """

    ranges: tuple[Range, ...] | None = None
    hours: Hours | None = None
    session_timeout: float | None = None
    trusted: bool | None = None

    def under(self, other: Rules) -> Rules:
        """Return these rules where something is said, the others elsewhere."""
        return Rules(
            self.ranges if self.ranges is not None else other.ranges,
            self.hours if self.hours is not None else other.hours,
            self.session_timeout if self.session_timeout is not None else other.session_timeout,
            self.trusted if self.trusted is not None else other.trusted,
        )


NO_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Security:
    """The settings of an org. Times are in seconds.

    `trusted` are the networks from which a password does without the security token, None for every one. After
    `attempts` wrong passwords in a row a user is locked out for `lockout` (None: until an administrator unlocks him).
    `password_life` is how long a password is good, None for ever.
    """

    session_timeout: float = SESSION_TIMEOUT
    trusted: tuple[Range, ...] | None = None
    attempts: int | None = 10
    lockout: float | None = 900.0
    password_life: float | None = None
    profiles: dict[str, Rules] = field(default_factory=dict)
    """By profile id."""
    users: dict[str, Rules] = field(default_factory=dict)
    """By user id."""
