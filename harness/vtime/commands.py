"""Which commands can run in virtual time: those that are one Python program, whose clock can be moved."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

_PYTHON = re.compile(r"python(\d(\.\d+)?)?(\.exe)?$")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_OPERATORS = frozenset("();<>|&")
_EXPANSIONS = ("$(", "`", "\n")
_UNFIT = re.compile(r"-[a-zA-Z]*[IES]")


def refusal(command: str) -> str | None:
    """Say why a shell command cannot run in virtual time; None when it can."""
    hint = "only one Python program can, such as `python sync.py`; write `time: real`, or give --run such a command"
    if any(sign in command for sign in _EXPANSIONS):
        return f"`time: virtual`: {command!r} is more than one command; {hint}"
    try:
        words = list(shlex.shlex(command, posix=True, punctuation_chars=True))
    except ValueError as error:
        return f"`time: virtual`: {command!r} cannot be read ({error}); {hint}"
    if any(set(word) <= _OPERATORS for word in words if word):
        return f"`time: virtual`: {command!r} is more than one command; {hint}"
    words = _program(shlex.split(command))
    if not words:
        return f"`time: virtual`: there is no command; {hint}"
    program = words[0]
    if _PYTHON.match(Path(program).name):
        closed = _closed(words[1:])
        if closed:
            return f"`time: virtual`: python {closed} takes no start-up hook, which moves its clock; leave {closed} out"
        return None
    if _is_script(program):
        return None
    return f"`time: virtual`: {program!r} is no Python program, and its clock cannot be moved; {hint}"


def _program(words: list[str]) -> list[str]:
    """Leave out what stands before a program: `exec`, and variables that are set for it."""
    while words and (_ASSIGNMENT.match(words[0]) or words[0] in ("exec", "env")):
        words = words[1:]
    return words


def _closed(words: list[str]) -> str | None:
    """Return the switch of Python's own by which it takes no start-up hook."""
    for word in words:
        if not word.startswith("-") or word[:2] in ("-c", "-m"):
            return None
        if word[:2] not in ("-X", "-W") and _UNFIT.match(word):
            return word
    return None


def _is_script(program: str) -> bool:
    """Tell whether a program is a script that Python runs, as console scripts are."""
    found = shutil.which(program)
    if found is None:
        return False
    try:
        with open(found, "rb") as file:
            first = file.readline(256)
    except OSError:
        return False
    if not first.startswith(b"#!"):
        return False
    interpreter = first[2:].decode("utf-8", "replace").split()
    return any(_PYTHON.match(Path(word).name) for word in interpreter[:2])
