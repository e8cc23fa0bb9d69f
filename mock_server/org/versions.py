"""The API versions that an org can serve."""

from __future__ import annotations

OLDEST = 31
LATEST = 68
"""The newest one unless a setting says otherwise: Winter '27."""
FURTHEST = 99
"""The newest that a setting may say: what comes after this edition of the mock answers as its latest does."""
