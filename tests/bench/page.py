"""How large the page of a long trial is and how fast it opens: `python -m tests.bench.page [ENTRIES]`, 10,000 by default.

Needs chromium or google-chrome. Exits 1 when a bound is passed.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from harness.report.page import write_html
from tests.harness.report.browser import find_browser, new_page, running
from tests.harness.report.samples import long

ENTRIES = 10_000
MOST_BYTES = 5_000_000
MOST_MILLISECONDS = 2000


async def opened(program: str, file: Path) -> list[tuple[float, float]]:
    """Return, of a few openings, the milliseconds to the load event and to the picture that is drawn."""
    found = []
    with running(program) as address:
        for _ in range(5):
            async with new_page(address) as tab:
                await tab.open(file)
                loaded = await tab.ask("performance.getEntriesByType('navigation')[0].loadEventEnd")
                found.append((float(loaded), float(await tab.ask("document.documentElement.dataset.ready"))))
    return found


def main() -> int:
    program = find_browser()
    if program is None:
        print("no chromium or google-chrome on the PATH", file=sys.stderr)
        return 1
    size = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    result = long(size)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        begin = time.process_time()
        write_html([result], file)
        written = time.process_time() - begin
        large = file.stat().st_size
        times = asyncio.run(opened(program, file))
    assert result.evidence is not None
    attempts = sum(map(len, result.evidence.chains))
    loaded, drawn = (sorted(column)[len(times) // 2] for column in zip(*times, strict=True))
    print(f"{size} requests, {attempts} attempts: written in {written:.2f} s, {large / 1e6:.2f} MB")
    print(f"in the browser, median of {len(times)}: loaded after {loaded:.0f} ms, drawn after {drawn:.0f} ms")
    return int(large > MOST_BYTES or max(loaded, drawn) > MOST_MILLISECONDS)


if __name__ == "__main__":
    sys.exit(main())
