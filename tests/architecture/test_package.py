"""What ships: the wheel brings all it needs. With HENGIO_TEST_INSTALLED the tests run against an installed wheel."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import pytest

import hengio
from tests.support.criteria import ROOT


@pytest.mark.skipif(os.environ.get("HENGIO_TEST_INSTALLED") != "1", reason="the tests run against src/")
def test_the_tests_run_against_the_installed_wheel() -> None:
    assert not Path(hengio.__file__).is_relative_to(ROOT / "src")
    assert (files("hengio") / "examples" / "wildlife-strikes" / "job.json").is_file()


@pytest.mark.parametrize("part", ["py.typed", "storage/sql/migrations/script.py.mako", "storage/sql/migrations/env.py"])
def test_the_package_brings(part: str) -> None:
    assert files("hengio").joinpath(part).is_file()


def test_the_demo_finds_its_examples_beside_the_package() -> None:
    from hengio.cli.examples import examples_folder

    folder = examples_folder()
    for name in ("clean-strikes", "score-strikes"):
        assert (folder / "modules" / name / f"{name}.wasm").is_file()
    assert (folder / "wildlife-strikes" / "data" / "birdstrikes.csv").is_file()
