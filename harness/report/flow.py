"""Draws the conservation of inputs: how they were sent, and where every one of them ended. Static SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape

from harness.evidence import Evidence, Outcome
from harness.properties.property import counted
from harness.report.story import ENDINGS

_WIDE, _HIGH = 500.0, 150.0
_GAP = 26.0
_NODE = 10.0
_X = (4.0, 168.0, 336.0)
_TOP = 14.0
_LEAST = 3.0
"""Pixels of a ribbon at least, so that one input of a thousand is seen."""

_WAYS = ("sent once", "sent again", "never sent")
_ORDER = (Outcome.LANDED, Outcome.DEAD_LETTERED, Outcome.SKIPPED, Outcome.LOST, Outcome.DUPLICATED)

Link = tuple[str, Outcome]


def count_flow(evidence: Evidence) -> dict[Link, int]:
    """Return how many inputs were sent in which way and ended how."""
    found: Counter[Link] = Counter()
    for chain, outcome in zip(evidence.chains, evidence.outcomes, strict=True):
        way = _WAYS[2] if not chain else _WAYS[0] if len(chain) == 1 else _WAYS[1]
        found[way, outcome] += 1
    return {(way, outcome): found[way, outcome] for way in _WAYS for outcome in _ORDER if found[way, outcome]}


def tell_flow(links: dict[Link, int]) -> str:
    """Return the picture in words."""
    total = sum(links.values())
    parts = []
    for way in _WAYS:
        ends = [f"{count} {ENDINGS[end]}" for (by, end), count in links.items() if by == way]
        if ends:
            parts.append(f"{sum(count for (by, _), count in links.items() if by == way)} {way}: {', '.join(ends)}")
    return f"{counted(total, 'input')}. {'. '.join(parts)}."


def draw_flow(evidence: Evidence, ident: str) -> str:
    """Return the picture as an SVG element; empty where there were no inputs."""
    links = count_flow(evidence)
    if not links:
        return ""
    return "".join(_svg(links, ident))


def _svg(links: dict[Link, int], ident: str) -> Iterator[str]:
    total = sum(links.values())
    thick = {link: max(_LEAST, count / total * _HIGH) for link, count in links.items()}
    ways = [way for way in _WAYS if any(by == way for by, _ in links)]
    ends = [end for end in _ORDER if any(to is end for _, to in links)]
    of_way = {way: sum(thick[link] for link in links if link[0] == way) for way in ways}
    of_end = {end: sum(thick[link] for link in links if link[1] is end) for end in ends}
    whole = sum(of_way.values())
    high = _TOP + whole + _GAP * max(len(ways), len(ends)) + 4
    yield f'<svg class="flow" viewBox="0 0 {_WIDE:g} {high:.0f}" role="img" aria-labelledby="{ident}-t {ident}-d">'
    yield f'<title id="{ident}-t">Where the inputs went</title><desc id="{ident}-d">{escape(tell_flow(links))}</desc>'
    middle, right = _stack(of_way, high), _stack(of_end, high)
    top = _TOP + (high - _TOP - whole) / 2
    left = top
    for way in ways:
        yield _ribbon(_X[0] + _NODE, left, _X[1], middle[way], of_way[way], "way")
        left += of_way[way]
    out, into = dict(middle), dict(right)
    for (way, end), size in thick.items():
        yield _ribbon(_X[1] + _NODE, out[way], _X[2], into[end], size, end.value)
        out[way] += size
        into[end] += size
    yield _node(_X[0], top, whole, "way") + _label(_X[0], top - 6, counted(total, "input"))
    for way in ways:
        count = sum(number for (by, _), number in links.items() if by == way)
        yield _node(_X[1], middle[way], of_way[way], "way")
        yield _label(_X[1] - 8, middle[way] + of_way[way] / 2 + 4.5, f"{count} {way}", style="before")
    for end in ends:
        count = sum(number for (_, to), number in links.items() if to is end)
        yield _node(_X[2], right[end], of_end[end], end.value)
        yield _label(_X[2] + _NODE + 8, right[end] + of_end[end] / 2 + 4.5, f"{count} {ENDINGS[end]}", style="strong")
    yield "</svg>"


def _stack(sizes: dict[str, float] | dict[Outcome, float], high: float) -> dict[object, float]:
    """Return the top of each node of a column, the column in the middle of the picture."""
    spread = sum(sizes.values()) + _GAP * (len(sizes) - 1)
    top = _TOP + (high - _TOP - spread) / 2
    tops: dict[object, float] = {}
    for name, size in sizes.items():
        tops[name] = top
        top += size + _GAP
    return tops


def _ribbon(x1: float, y1: float, x2: float, y2: float, size: float, style: str) -> str:
    bend = (x1 + x2) / 2
    return (
        f'<path class="ribbon {style}" d="M{x1:.1f} {y1:.1f}C{bend:.1f} {y1:.1f} {bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}'
        f'v{size:.1f}C{bend:.1f} {y2 + size:.1f} {bend:.1f} {y1 + size:.1f} {x1:.1f} {y1 + size:.1f}z"/>'
    )


def _node(x: float, y: float, size: float, style: str) -> str:
    return f'<rect class="node {style}" x="{x:.1f}" y="{y:.1f}" width="{_NODE:g}" height="{size:.1f}" rx="2"/>'


def _label(x: float, y: float, text: str, *, style: str = "") -> str:
    styled = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{styled}>{escape(text)}</text>'
