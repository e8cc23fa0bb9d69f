"""The page: whole in one file, safe whatever a subject wrote, and drawn by a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from harness.report import page, page_data
from harness.report.digest import digest
from tests.harness.report.browser import Page, find_browser, new_page, running
from tests.harness.report.samples import REPLAY, SAMPLES, SECRET, broken, fine, in_legs, long, retried, unsteady

BROWSER = find_browser()
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium or google-chrome on PATH")
STYLE = (Path(page.__file__).parent / "page.css").read_text(encoding="utf-8")
SHORT = {"all": list(SAMPLES.values()), **{name: [result] for name, result in SAMPLES.items()}}


class Reader(HTMLParser):
    """Notes what a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def embedded(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data-0">(.*?)</script>', text, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


# -- the file


@pytest.mark.parametrize("name", SHORT)
def test_nothing_is_loaded_from_anywhere(name: str) -> None:
    reader = Reader(page.render(SHORT[name]))
    kinds = {attributes.get("type") for attributes in reader.named("script")}
    assert kinds <= {None, "application/json"}
    assert sum("type" not in attributes for attributes in reader.named("script")) == 1
    for tag, attributes in reader.tags:
        assert "src" not in attributes, tag
        assert tag != "link" or attributes["href"] == "data:,"
        assert not [key for key in attributes if key.startswith("on")], tag
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_what_a_subject_wrote_stays_text() -> None:
    text = page.render([broken(), unsteady(), fine()])
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    assert "\x1b" not in text
    assert "\x00" not in text


@pytest.mark.parametrize("name", SHORT)
def test_secrets_are_left_out(name: str) -> None:
    assert SECRET not in page.render(SHORT[name])


def test_violations_come_first_with_all_it_takes_to_mend_them() -> None:
    text = page.render([fine(), broken()])
    first, second = text.index('id="t1"'), text.index('id="t0"')
    assert first < second
    part = text[first:second]
    order = [
        "the row is sent again",
        "1 row failed inside HTTP 200",
        "Contact K1: 1 attempt, lost",
        "#1</a> at 0.00s",
        "HTTP 200 says",
        "https://",
        "follows from it",
        REPLAY.split("'")[0],
        "Scorecard",
        "Timeline",
        "Journal",
    ]
    assert order == sorted(order, key=part.index)


def test_the_embedded_journal_is_whole() -> None:
    data = embedded(page.render([retried()]))
    assert [data["kinds"][kind] for kind in data["kind"]] == [
        "session", "saved", "passing", "passing", "passing", "saved", "saved", "refused", "untold", "saved",
    ]  # fmt: skip
    assert data["inputs"] == ["Contact K1", "Contact K2", "Contact K3", "Contact K4"]
    assert [data["endings"][end] for end in data["ends"]] == ["landed", "landed", "dead-lettered", "in the org twice"]
    assert data["letters"] == [[2, 141_000]]
    assert sum(data["links"]) == len(data["who"]) == len(data["how"]) == 8
    assert [data["faults"][fault] for struck in data["struck"] for fault in struck] == ["locks"] * 3 + ["lost"]


def test_runs_and_what_followed_are_in_it() -> None:
    data = embedded(page.render([in_legs()]))
    assert data["runs"] == [
        ["faults", 0, 6_000], ["restart", 10_000, 60_000], ["heal", 65_000, 75_000], ["redelivery", 90_000, 95_000],
    ]  # fmt: skip
    assert data["number"] == [1, 2, 3, 4, 5]


def test_a_page_of_a_runaway_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_data, "MOST_ENTRIES", 3)
    told = digest(retried())
    data = page_data.page_data(told)
    wanted = {number for proof in told.proofs for number in proof.ruling.evidence}
    assert data["number"] == sorted({1, 2, 3} | wanted)  # the first, and those that violations rest on
    assert data["left"] == 10 - len(data["number"]) > 0


@pytest.mark.parametrize("ground", ["paper", "card", "raised"])
@pytest.mark.parametrize("ink", ["ink", "soft", "link", "violated", "held", "open", "none"])
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_every_ground(theme: int, ink: str, ground: str) -> None:
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[theme]))

    def light(colour: str) -> float:
        parts = [int(colours[colour][place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dim, bright = sorted((light(ink), light(ground)))
    assert (bright + 0.05) / (dim + 0.05) >= 4.5  # WCAG AA


# -- in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[str]:
    assert BROWSER is not None
    with running(BROWSER) as address:
        yield address


@pytest.fixture
async def tab(browser: str) -> AsyncIterator[Page]:
    async with new_page(browser) as opened:
        yield opened


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(name: str) -> Path:
        file = tmp_path / f"{name}.html"
        page.write_html(SHORT[name], file)
        return file

    return write


COUNT = "document.querySelector('[data-count]').textContent"
SAID = "document.querySelector('.timeline-card .said').textContent"


def fill(name: str, value: str) -> str:
    return (
        f"(() => {{ const field = document.querySelector('[data-filter]').elements['{name}']; field.value = {json.dumps(value)};"
        "field.dispatchEvent(new Event('input', {bubbles: true})); return true; })()"
    )


@needs_browser
@pytest.mark.parametrize(("name", "dark"), [("all", True), ("all", False), ("unsteady", False)])
async def test_it_opens_without_a_word_on_the_console(
    name: str, dark: bool, tab: Page, written: Callable[[str], Path]
) -> None:
    file = written(name)
    await tab.open(file, dark=dark)
    await tab.ask("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    await tab.ask("scrollTo(0, document.body.scrollHeight)")
    await tab.settle()
    assert await tab.ask("Number(document.documentElement.dataset.ready)") > 0
    assert tab.console == []
    assert set(tab.requests) <= {file.as_uri(), "data:,"}


@needs_browser
@pytest.mark.parametrize("name", ["all", "retried"])
async def test_it_fits_every_window(name: str, tab: Page, written: Callable[[str], Path]) -> None:
    await tab.open(written(name))
    await tab.ask("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    for width in (320, 390, 768, 1280, 1920):
        await tab.resize(width, 900)
        await tab.settle()
        assert await tab.ask("document.scrollingElement.scrollWidth") <= width, width


@needs_browser
async def test_light_and_dark_are_what_the_system_asks_for(tab: Page, written: Callable[[str], Path]) -> None:
    grounds = []
    for dark in (False, True):
        await tab.open(written("retried"), dark=dark)
        grounds.append(await tab.ask("getComputedStyle(document.body).backgroundColor"))
        assert len(await tab.screenshot()) > 20_000
    assert grounds == ["rgb(245, 246, 248)", "rgb(15, 19, 24)"]


DRAWN = """(() => [...document.querySelectorAll('.timeline canvas')].map((canvas) => {
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data, colours = new Set();
  for (let place = 0; place < pixels.length; place += 4) if (pixels[place + 3] === 255) colours.add(pixels.slice(place, place + 3).join());
  return [...colours];
}))()"""


@needs_browser
async def test_the_timeline_is_drawn_in_the_colours_of_what_happened(tab: Page, written: Callable[[str], Path]) -> None:
    await tab.open(written("retried"))
    head, lanes = await tab.ask(DRAWN)
    assert {"43,127,176", "217,147,30", "192,47,38", "116,84,194"} <= set(head)  # saved, passing, refused, session
    assert {"43,127,176", "217,147,30", "194,65,143"} <= set(lanes)  # saved, passing, untold


@needs_browser
async def test_the_picture_follows_the_window(tab: Page, written: Callable[[str], Path]) -> None:
    await tab.open(written("retried"))
    wide = await tab.ask("document.querySelector('canvas.head').width")
    await tab.resize(500, 900)
    await tab.until("document.querySelector('canvas.head').width < 500")
    assert wide > 1000
    assert await tab.ask("document.querySelector('.lanes canvas').width") < 500


FILTERS = [
    ("text", "oauth", 1),
    ("text", "#3", 1),
    ("text", "unable_to_lock", 3),
    ("text", "nothing like this", 0),
    ("input", "Contact K1", 4),
    ("input", "k4", 2),
    ("op", "1", 1),
    ("kind", "2", 3),
    ("fault", "1", 1),
]


@needs_browser
async def test_the_journal_can_be_filtered(tab: Page, written: Callable[[str], Path]) -> None:
    await tab.open(written("retried"))
    for field, value, left in FILTERS:
        assert await tab.ask(COUNT) == "10 requests"
        await tab.ask(fill(field, value))
        assert await tab.ask(COUNT) == f"{left} of 10 requests", (field, value)
        assert await tab.ask("document.querySelectorAll('.journal-table tbody tr').length") == left
        await tab.ask("document.querySelector('[data-filter] [type=reset]').click()")
        await tab.until(f"{COUNT} === '10 requests'")


@needs_browser
async def test_the_journal_can_be_filtered_by_run(tab: Page, written: Callable[[str], Path]) -> None:
    await tab.open(written("in_legs"))
    await tab.ask(fill("run", "1"))
    assert await tab.ask(COUNT) == "2 of 5 requests"
    assert await tab.ask("[...document.querySelectorAll('[data-of=run] option')].map((one) => one.textContent)") == [
        "every run", "faults", "restart", "heal", "redelivery",
    ]  # fmt: skip


@needs_browser
async def test_many_inputs_of_one_request_unfold(tab: Page, written: Callable[[str], Path]) -> None:
    await tab.open(written("in_legs"))
    await tab.ask("document.querySelector('.journal-table button[aria-expanded]').click()")
    assert await tab.ask("document.querySelectorAll('.journal-table tr.more li').length") == 3
    await tab.ask("document.querySelector('.journal-table button[aria-expanded]').click()")
    assert await tab.ask("document.querySelectorAll('.journal-table tr.more').length") == 0


@needs_browser
async def test_the_evidence_leads_to_its_journal_entry(tab: Page, written: Callable[[str], Path]) -> None:
    await tab.open(written("retried"))
    await tab.ask("document.querySelector('[data-entry=\"9\"]').click()")
    assert await tab.ask(COUNT) == "1 of 10 requests"
    assert await tab.ask("document.querySelector('.journal-table tbody td').textContent") == "9"


@needs_browser
async def test_everything_works_from_the_keyboard(tab: Page, written: Callable[[str], Path]) -> None:
    await tab.open(written("retried"))
    await tab.ask("document.querySelector('.lanes').focus()")
    await tab.press("ArrowDown")
    first = await tab.ask(SAID)
    assert first.startswith("Contact K4: in the org twice; 2 attempts: 15.0 s done, but the client was not told (#9)")
    await tab.press("ArrowDown", "ArrowDown")
    assert (await tab.ask(SAID)).startswith("Contact K1: landed; 4 attempts")
    await tab.press("+")
    assert (await tab.ask(SAID)).startswith("Showing 4.4")
    await tab.press("f")
    assert (await tab.ask(SAID)).startswith("Showing ")
    await tab.press("0")
    assert await tab.ask(SAID) == ""
    await tab.press("Enter")
    assert await tab.ask(COUNT) == "4 of 10 requests"


@needs_browser
@pytest.mark.parametrize("name", ["all", "unsteady"])
async def test_what_can_be_used_has_a_name_and_pictures_have_words(
    name: str, tab: Page, written: Callable[[str], Path]
) -> None:
    await tab.open(written(name))
    nameless = """[...document.querySelectorAll('button, input, select, a, [tabindex]')].filter((one) => {
      const label = one.closest('label');
      return !(one.getAttribute('aria-label') || one.getAttribute('aria-labelledby') || one.textContent.trim() && one.tagName !== 'SELECT' || label && label.textContent.trim());
    }).map((one) => one.outerHTML)"""
    assert await tab.ask(nameless) == []
    wordless = """[...document.querySelectorAll('svg')].filter((one) => !(one.getAttribute('role') === 'img' && one.querySelector('title') && one.querySelector('desc').textContent)).length
      + [...document.querySelectorAll('canvas')].filter((one) => one.getAttribute('aria-hidden') !== 'true' || !one.closest('figure').querySelector('figcaption').textContent).length"""
    assert await tab.ask(wordless) == 0
    doubled = "[...document.querySelectorAll('[id]')].map((one) => one.id).filter((id, place, all) => all.indexOf(id) !== place)"
    assert await tab.ask(doubled) == []
    broken_links = "[...document.querySelectorAll('a[href^=\"#\"]')].filter((one) => !document.getElementById(one.getAttribute('href').slice(1))).length"
    assert await tab.ask(broken_links) == 0


@needs_browser
async def test_a_script_that_got_in_does_not_run(tab: Page, tmp_path: Path) -> None:
    file = tmp_path / "smuggled.html"
    text = page.render([broken()]).replace("</main>", "<script>document.title = 'taken'</script></main>")
    file.write_text(text, encoding="utf-8")
    await tab.open(file)
    assert "taken" not in await tab.ask("document.title")
    assert await tab.ask("document.documentElement.dataset.ready !== undefined")
    assert any("Content Security Policy" in line for line in tab.console)


@needs_browser
@pytest.mark.heavy
async def test_ten_thousand_attempts_open_at_once(tab: Page, tmp_path: Path) -> None:
    file = tmp_path / "long.html"
    page.write_html([long(10_000)], file)
    assert file.stat().st_size < 5_000_000
    times = []
    for _ in range(3):
        await tab.open(file)
        assert await tab.ask("document.querySelector('[data-count]').textContent") == "10000 requests"
        drawn = await tab.ask("Number(document.documentElement.dataset.ready)")
        times.append(max(drawn, await tab.ask("performance.getEntriesByType('navigation')[0].loadEventEnd")))
    assert min(times) < 2000
    timed = "(() => {{ const began = performance.now(); {}; return performance.now() - began; }})()"
    filtering = [await tab.ask(timed.format(fill("text", text))) for text in ("lock_row", "503", "contact k77")]
    assert min(filtering) < 500
    assert tab.console == []
