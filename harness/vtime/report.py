"""Says who waits for what, and where in the subject's own code."""

from __future__ import annotations

import concurrent.futures.thread as pools
import sys
import sysconfig
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.vtime.actors import Actor
    from harness.vtime.conductor import Conductor

_HERE = str(Path(__file__).parent)


@cache
def _libraries() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple({paths["stdlib"], paths["platstdlib"], paths["purelib"], paths["platlib"], _HERE})


def foreign(file: str) -> bool:
    """Tell whether a source file is a library's, and no subject's."""
    return file.startswith(("<", *_libraries())) or "site-packages" in file


def _frames(ident: int) -> tuple[FrameType | None, FrameType | None]:
    """Return a thread's innermost frame of the subject's own code, and the library's function that it has called."""
    frame = sys._current_frames().get(ident)
    called = None
    while frame is not None and foreign(frame.f_code.co_filename):
        if not frame.f_code.co_filename.startswith(_HERE):
            called = frame
        frame = frame.f_back
    return frame, called


def idle(actor: Actor) -> bool:
    """Tell whether an actor is a pool's worker without work: that a pool is left to itself is usual."""
    frame = sys._current_frames().get(actor.ident)
    while frame is not None:
        if frame.f_code is pools._WorkItem.run.__code__:
            return False
        if frame.f_code is pools._worker.__code__:
            return True
        frame = frame.f_back
    return False


def line(actor: Actor) -> str:
    """Say in one line where an actor is and what it waits for."""
    frame, called = _frames(actor.ident)
    what = f"waits for {actor.wait.what}" if actor.wait else "is at work or blocked"
    owner = getattr(actor.wait.source, "owner", None) if actor.wait else None
    if owner is not None and owner is not actor:
        what += f" held by {owner.name}"
    elif owner is actor and called is None:
        what += " that it holds itself"
    if called is not None:
        what += f" in {called.f_globals.get('__name__', '?')}.{called.f_code.co_qualname}"
    if frame is None:
        return f"{actor.name} {what}"
    return f"{actor.name} {what}, at {frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"


def deadlock(parked: Sequence[Actor], conductor: Conductor) -> str:
    """Describe a dead-lock."""
    head = (
        f"dead-lock after {conductor.elapsed / 1e9:g} s of virtual time: every thread of the subject waits, none with "
        "a time-out, and the server has nothing under way"
    )
    return "\n".join([head, *(f"  {line(actor)}" for actor in parked)])


def stack(ident: int, deepest: int = 12) -> str:
    """Return the innermost lines of a thread's stack."""
    import traceback

    frame = sys._current_frames().get(ident)
    return "".join(traceback.format_stack(frame)[-deepest:]) if frame is not None else ""
