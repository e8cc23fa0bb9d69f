"""The report for a pull request: short, whole, and nothing in it is markup that we did not write."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from harness.report.markdown import as_markdown
from tests.harness.report.samples import SAMPLES, SECRET, broken, fine, retried, unsteady

GITHUB = 65_536


def html(text: str) -> str:
    return str(MarkdownIt("gfm-like", {"linkify": False}).render(text))


def test_the_table_comes_first_failures_before_the_rest() -> None:
    text = as_markdown([fine(), broken(), unsteady()])
    assert text.startswith("### sfmock: 1 of 3 scenarios passed\n")
    rows = re.findall(r"^\| (.) \| (\S+) \|", text, re.MULTILINE)
    assert rows == [("❌", "row-locks"), ("❌", "row-locks"), ("✅", "calm")]
    assert "never fired: outage" in text
    assert "steady state not met" in text


def test_a_violation_is_told_with_its_chain_and_folded() -> None:
    text = as_markdown([broken()])
    details = text[text.index("<details>") :]
    assert "<summary><code>bulk.row_results_read</code> in row-locks</summary>" in details
    assert "the row is sent again or dead-lettered." in details
    assert "Contact K1: 1 attempt, lost" in details
    assert "**Follows from it:** `retry.transient_retried`" in details
    assert "**What to do:** HTTP 200 says" in details
    assert "sfmock prove row-locks" in details
    assert details.count("<details>") == details.count("</details>")


def test_one_scenario_is_summed_up_in_the_heading() -> None:
    assert as_markdown([fine()]).startswith("### sfmock: all held\n")
    assert as_markdown([retried()]).startswith(f"### sfmock: {retried().violated[0].property} violated")


@pytest.mark.parametrize("title", ["<img src=x>", "[a](http://x)", "a | b", "`x`", "*x*", "@octocat #12", "```\nx"])
def test_what_others_wrote_stays_text(title: str) -> None:
    result = broken()
    hostile = replace(result, scenario=title)
    page = html(as_markdown([hostile]))
    assert "<img" not in page
    assert 'href="http://x"' not in page
    assert "@octocat" not in page
    assert "#12" not in page
    table = page[page.index("<tbody>") : page.index("</tbody>")]
    assert table.count("<td") == 6
    assert "<code>x</code>" not in table
    assert "<em>" not in table


def test_it_fits_into_a_comment_however_much_there_is_to_tell() -> None:
    text = as_markdown([broken()] * 400)
    assert len(text) < GITHUB
    assert text.count("<details>") == text.count("</details>") > 5
    assert "more are in the other reports" in text
    assert "200 more" in text


def test_secrets_are_left_out() -> None:
    assert SECRET not in as_markdown(list(SAMPLES.values()))
