"""Laws of the published JSON Schema: it and `validate` agree on every shape (H3)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from hengio.definition import configs
from hengio.definition.schema import published
from hengio.definition.validate import validate
from tests.support.definitions import EVERY_CONFIG, broken, jobs

TYPES = tuple(EVERY_CONFIG)
CHECK = Draft202012Validator(published(EVERY_CONFIG))


@pytest.fixture(autouse=True, scope="module")
def every_type() -> Any:
    """Shapes of all step types, whichever of them this version can run."""
    with pytest.MonkeyPatch.context() as patch:
        for kind, config in EVERY_CONFIG.items():
            patch.setitem(configs.CONFIGS, kind, config)
        yield


@pytest.mark.requirement("H3.1")
@given(jobs(types=TYPES))
def test_what_validate_accepts_fits_the_schema_as_written_and_as_normalised(job: dict[str, Any]) -> None:
    report = validate(job)
    assert report.errors == ()
    CHECK.validate(job)
    CHECK.validate(report.normalized)


@pytest.mark.requirement("H3.5")
@given(jobs(types=TYPES), st.data())
def test_an_unknown_field_or_a_wrong_type_is_refused_by_both(job: dict[str, Any], data: st.DataObject) -> None:
    wrong, _ = data.draw(broken(job))
    assert not validate(wrong).valid
    assert not CHECK.is_valid(wrong)
