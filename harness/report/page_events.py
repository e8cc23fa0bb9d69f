"""The section of the page about events: each with when it was published, to whom it went, and when it was handled."""

from __future__ import annotations

from collections.abc import Iterator

from harness.properties.property import counted, some
from harness.report.digest import Digest
from harness.report.events import Told, tell_events, told_events
from harness.report.page_text import clean
from harness.report.story import start_of

MOST = 500
"""Events to list: those that ended badly first."""


def events_section(told: Digest) -> Iterator[str]:
    """Yield the section; nothing of a trial without events and calls."""
    assert told.evidence is not None
    happenings = told.evidence.happenings
    words = tell_events(happenings)
    if not words:
        return
    yield f'<section class="card"><h3>Events</h3><p>{clean(words)}</p>'
    events = sorted(told_events(happenings), key=lambda one: one.worth)
    if events:
        yield '<div class="scroll"><table class="rulings"><thead><tr><th scope="col">event</th><th scope="col">ended</th>'
        yield '<th scope="col" class="number">published</th><th scope="col">delivered, and handled</th></tr></thead><tbody>'
        start = start_of(told.evidence)
        for one in events[:MOST]:
            yield _row(told, one, start)
        yield "</tbody></table></div>"
    if len(events) > MOST:
        yield f'<p class="soft">and {counted(len(events) - MOST, "more event", "more events")}, which ended no worse.</p>'
    yield "</section>"


def _row(told: Digest, one: Told, start: float) -> str:
    style = "held" if len(one.handled) == 1 else "violated" if one.handled else "open"
    steps = []
    for delivery in one.delivered:
        by = f" ({delivery.rule})" if delivery.rule else ""
        steps.append(
            f"{delivery.at - start:.2f}s to {delivery.subscriber[:12] or 'a subscriber'}, #{delivery.exchange}{by}"
        )
    for handling in one.handled:
        when = "handled" if handling.at is None else f"handled {handling.at - start:.2f}s"
        steps.append(f"{when} ({handling.source})")
    title = told.hide(one.event.title) + (" (its own)" if one.event.own else "")
    return (
        f'<tr><td><code>{clean(title)}</code></td><td class="{style}">{clean(one.end)}</td>'
        f'<td class="number">{one.event.at - start:.2f}s</td><td>{clean(some(steps, 6))}</td></tr>'
    )
