"""Decisions are written down in `docs/decisions/`, one a file, all in one form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.criteria import ROOT

RECORDS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
SECTIONS = ("**What.**", "**Why.**", "**Not chosen.**")


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_decision_says_what_why_and_what_was_not_chosen(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    places = [text.find(f"\n{section}") for section in SECTIONS]
    assert text.startswith(f"# {int(record.name[:4])}. ")
    assert -1 not in places, f"it lacks one of {', '.join(SECTIONS)}"
    assert places == sorted(places)
