"""Nothing is committed that belongs to one machine or to one place to get packages from."""

from __future__ import annotations

import json
import re

import pytest

from tests.support import tree
from tests.support.criteria import ROOT

# The brackets keep these lines from matching themselves.
REGISTRY = re.compile(
    r"py[p]i\.(org|python\.org)|python[h]osted\.org|np[m]js\.(org|com)|yarn[p]kg\.com"
    r"|crat[e]s\.io|proxy\.gol[a]ng\.org|sum\.gol[a]ng\.org|(deb|security|snapshot)\.debi[a]n\.org"
)
MACHINE = re.compile(r"(?<![\w.~$}/-])/(wo[r]k|ro[o]t|ho[m]e/\w+|Us[e]rs/\w+)/\w")
LOCKS = ("requirements/*.txt", "examples/modules/*/package-lock.json")
BINARIES = {
    "examples/modules/clean-strikes/clean-strikes.wasm",
    "examples/modules/score-strikes/score-strikes.wasm",
}


@pytest.mark.parametrize(
    ("what", "pattern"), [("the host of a package registry", REGISTRY), ("a path of somebody's machine", MACHINE)]
)
def test_no_file_names(what: str, pattern: re.Pattern[str]) -> None:
    found = [
        f"{path}:{number}: {line.strip()[:120]}"
        for path in tree.files()
        for number, line in enumerate((tree.text(path) or "").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, f"{what}:\n" + "\n".join(found)


@pytest.mark.parametrize("pattern", LOCKS)
def test_a_lock_file_pins_by_hash_and_names_no_place(pattern: str) -> None:
    locks = sorted(ROOT.glob(pattern))
    assert locks
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert re.search(r"sha(256|512)", text), f"{lock.name} has no hashes"
        assert not re.search(r'"resolved"|--(index-url|extra-index-url|find-links)', text), lock.name
        assert "://" not in _without_funding(text), f"{lock.name} names a place"


def test_the_only_binaries_are_the_example_modules() -> None:
    assert {str(path) for path in tree.files() if tree.text(path) is None} <= BINARIES


def test_large_files_are_data_of_the_examples() -> None:
    large = [path for path in tree.files() if (ROOT / path).stat().st_size > 200_000]
    assert all(path.parts[0] == "examples" for path in large), large


def _without_funding(text: str) -> str:
    """A lock file without what only informs: npm repeats where packages ask for donations."""
    if not text.startswith("{"):
        return text
    packages = json.loads(text)["packages"].values()
    return json.dumps([{key: value for key, value in each.items() if key != "funding"} for each in packages])
