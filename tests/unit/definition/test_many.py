"""Of a definition with very much wrong in it a hundred problems are told, and looking for them ends there."""

from __future__ import annotations

from typing import Any

import pytest

from hengio.definition.validate import validate


def db(step_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": step_id, "type": "database", "config": {"connection": "shop", "query": "SELECT 1"}, **fields}


def test_of_hundreds_of_steps_the_nearest_is_found() -> None:
    steps = [db(f"load_{number:03}") for number in range(499)]
    report = validate({"name": "j", "steps": [*steps, db("last", next="laod_321")]})
    assert [(problem.message, problem.hint) for problem in report.errors] == [
        ("there is no step `laod_321`", "did you mean `load_321`?")
    ]


@pytest.mark.parametrize(
    "steps",
    [
        [{} for _ in range(5_000)],
        [{"id": f"s{place}", "type": "wasm", **{f"k{name}": 1 for name in range(9)}} for place in range(99)],
        [{"id": f"s{place}", "type": {"type": "wasm", "k": 1, "l": 2}} for place in range(99)],
        [db(f"s{place}", next=[f"t{name}" for name in range(9)]) for place in range(99)],
        [db(f"s{place}", condition="nothing.a == 1 or nothing.b == 2") for place in range(99)],
    ],
)
def test_a_hundred_problems_are_enough(steps: list[Any]) -> None:
    assert len(validate({"name": "j", "steps": steps}).errors) == 100


def test_a_hundred_bad_days_are_enough() -> None:
    schedule = {"type": "one_time", "execute_at": "soon", "calendar": {"blackout_dates": ["x"] * 5_000}}
    assert len(validate({"name": "j", "schedule": schedule, "steps": [db("a")]}).errors) == 100
