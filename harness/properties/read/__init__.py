"""Reading: every page, once, whatever happens between two of them."""

from __future__ import annotations

from harness.properties.read.all_pages import AllPages
from harness.properties.read.drift import StableUnderDrift
from harness.properties.read.going_on import CursorExpirySurvived, ResumedNotRestarted

PROPERTIES = (AllPages(), ResumedNotRestarted(), CursorExpirySurvived(), StableUnderDrift())
