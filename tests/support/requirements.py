"""`make requirements`: every acceptance criterion with the tests that show it and how they last ended.

Runs the tests first when something changed since they all ran. Ends well only when every criterion that is needed is
shown: at least one of its tests passed and none failed.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.support import tree
from tests.support.criteria import ROOT, Group, groups
from tests.support.trace import Record, Result, read

_WATCHED = ("src", "tests", "examples", "docs/requirements.toml", "pyproject.toml", "requirements")
_SIGNS: dict[Result, str] = {"passed": "✓", "failed": "✗", "skipped": "-"}


def main() -> int:
    """Print the list; returns the exit code."""
    if read().complete_at < _changed_at():
        print("The tests have not all run since the last change; running them.\n", flush=True)
        subprocess.run([sys.executable, "-m", "pytest", "--quiet"], cwd=ROOT, check=False)
    tests = _by_criterion(read())
    everything = groups()
    for group in everything:
        print("\n".join(_lines(group, tests)))
    shown = {name for group in everything for name in group.criteria if is_shown(tests.get(name, {}))}
    total = sum(len(group.criteria) for group in everything)
    print(f"\n{len(shown)} of {total} shown, {total - len(shown)} open")
    return 0 if all(name in shown for group in everything if group.needed for name in group.criteria) else 1


def is_shown(tests: dict[str, Counter[Result]]) -> bool:
    """Whether these tests show their criterion: one passed at least, none failed."""
    total: Counter[Result] = sum(tests.values(), Counter())
    return total["passed"] > 0 and total["failed"] == 0


def _changed_at() -> float:
    """When a file that matters to the tests last changed."""
    watched = (path for path in tree.files() if path.parts[0] in _WATCHED or str(path) in _WATCHED)
    return max((ROOT / path).stat().st_mtime for path in watched)


def _by_criterion(record: Record) -> dict[str, dict[str, Counter[Result]]]:
    """For each criterion its tests, the cases of a parametrised one together."""
    found: dict[str, dict[str, Counter[Result]]] = defaultdict(lambda: defaultdict(Counter))
    for name, test, result in sorted(record.showing()):
        found[name][test.partition("[")[0]][result] += 1
    return found


def _lines(group: Group, tests: dict[str, dict[str, Counter[Result]]]) -> Iterator[str]:
    yield f"\n{group.id} {group.title}{' (next step)' if group.next_step else ''}"
    for name, text in group.criteria.items():
        state = "shown" if is_shown(tests.get(name, {})) else "OPEN"
        yield f"  {name:6} {state:6} {text}"
        yield from _test_lines(tests.get(name, {}))
    if group.id in tests:
        yield "  tests of the group as a whole:"
        yield from _test_lines(tests[group.id])


def _test_lines(tests: dict[str, Counter[Result]]) -> Iterator[str]:
    for test, results in tests.items():
        outcomes = " ".join(
            f"{_SIGNS[result]}{count if count > 1 else ''}" for result, count in sorted(results.items())
        )
        yield f"           {outcomes} {test}"


if __name__ == "__main__":
    sys.exit(main())
