"""What an error is: a row of the catalogue, and one of its kind on its way to a client.

Sources: R recorded against a real org, D vendor documentation, K recall. Texts are templates for `str.format`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

ErrorClass = Literal["transient", "permanent", "session", "quota", "ambiguous"]
# How REST orders an error's keys: routing errors say errorCode first, statement errors message first,
# and errors of a save carry a `fields` list.
Shape = Literal["routing", "statement", "save"]


@dataclass(frozen=True, slots=True)
class ErrorSpec:
    """One row of the catalogue. `defaults` fill the template where a fault raises the error out of nowhere."""

    code: str
    status: int
    message: str
    kind: ErrorClass
    shape: Shape
    source: str
    defaults: tuple[tuple[str, str], ...] = ()

    def __call__(self, *, fields: Sequence[str] | None = None, status: int | None = None, **values: object) -> ApiError:
        """Return an error to raise or to put into a row result."""
        text = self.message.format(**values) if values else self.message
        if fields is None and self.shape == "save":
            fields = ()
        return ApiError(self, text, None if fields is None else tuple(fields), status or self.status)

    def sample(self) -> ApiError:
        """Return the error with the template's own defaults, for faults."""
        values: dict[str, object] = dict(self.defaults)
        return self(fields=None, status=None, **values)


class ApiError(Exception):
    """A Salesforce error on its way to a client; each protocol writes it in its own form."""

    def __init__(self, spec: ErrorSpec, message: str, fields: tuple[str, ...] | None, status: int) -> None:
        super().__init__(message)
        self.spec = spec
        self.message = message
        self.fields = fields
        self.status = status
        self.extra: dict[str, Any] = {}

    @property
    def code(self) -> str:
        return self.spec.code


# In order: the first row of a code is the one a fault uses when it names the code alone.
CATALOGUE: list[ErrorSpec] = []


def row(
    code: str, status: int, message: str, kind: ErrorClass, shape: Shape, source: str, **defaults: str
) -> ErrorSpec:
    spec = ErrorSpec(code, status, message, kind, shape, source, tuple(defaults.items()))
    CATALOGUE.append(spec)
    return spec
