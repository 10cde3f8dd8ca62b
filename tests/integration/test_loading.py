"""What a server does not need until a step asks for it is not loaded when it starts."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hengio.steps.late import Late
from hengio.steps.protocol import StepType
from tests.support.steps import step_request
from tests.support.workplace import Script

LATER = (
    "asyncssh",
    "oracledb",
    "aiomysql",
    "asyncpg",
    "sqlglot",
    "xlsxwriter",
    "python_calamine",
    "holidays",
    "alembic",
)


def test_drivers_and_parsers_are_not_loaded_with_the_server() -> None:
    program = f"import hengio.cli.serve, sys; print([name for name in {LATER!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.requirement("H4.3", "H4.4")
async def test_a_step_type_is_made_once_by_its_first_step() -> None:
    made: list[StepType] = []

    def make() -> StepType:
        made.append(Script())
        return made[-1]

    late = Late(make)
    assert made == []
    for _ in range(2):
        assert (await late.run(step_request("wasm", {}))).failure is None
    assert len(made) == 1
