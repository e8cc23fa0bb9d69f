"""A mistake in an effect's own values, with the way to it."""

from __future__ import annotations

from mock_server.documents import Steps, duration


class EffectProblem(ValueError):
    def __init__(
        self, path: Steps, message: str, allowed: tuple[str, ...] = (), near: str | None = None
    ) -> None:
        super().__init__(message)
        self.path, self.message, self.allowed, self.near = path, message, allowed, near


def seconds(path: Steps, value: object) -> float:
    """Return a duration in seconds. Raises EffectProblem."""
    try:
        return duration(value)
    except ValueError as error:
        raise EffectProblem(path, str(error)) from None
