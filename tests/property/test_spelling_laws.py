"""Laws of the spellings: whatever the document, and whichever spelling a job was written in (H3)."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hengio import codec
from hengio.definition import configs
from hengio.definition.spellings import STEP_FIELDS, TAGS, normalised
from hengio.definition.validate import validate
from tests.support.definitions import ANYTHING, EVERY_CONFIG, flat, jobs, tagged

TYPES = tuple(EVERY_CONFIG)
WORDS = sorted(
    {*STEP_FIELDS, "retry_count", *(name for each in EVERY_CONFIG.values() for name in each.__struct_fields__)}
)
HOSTILE = st.recursive(
    st.none() | st.sampled_from([*TAGS, *TYPES, "cron", "0 0 2 * * MON", "stored_procedure"]) | st.integers(0, 3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*WORDS, "type", "steps", "schedule", "expression", "query_type"]), inner)
    ),
    max_leaves=20,
)


@pytest.fixture(autouse=True, scope="module")
def every_type() -> Any:
    """The spellings are those of five step types, whichever of them this version can run."""
    with pytest.MonkeyPatch.context() as patch:
        for kind, config in EVERY_CONFIG.items():
            patch.setitem(configs.CONFIGS, kind, config)
        yield


@pytest.mark.requirement("H3.1", "H3.2", "H3.3")
@given(jobs(types=TYPES), st.data())
def test_a_job_in_any_mixture_of_spellings_is_the_same_canonical_job(job: dict[str, Any], data: st.DataObject) -> None:
    spelt = [data.draw(st.sampled_from([step, tagged(step), flat(step) or step])) for step in job["steps"]]
    report = validate(job)
    assert report.errors == ()
    assert validate({**job, "steps": spelt}).normalized == report.normalized


@pytest.mark.requirement("H3.1")
@given(jobs(types=TYPES))
def test_what_was_normalised_is_not_changed_again(job: dict[str, Any]) -> None:
    spelt = {**job, "steps": [tagged(step) for step in job["steps"]]}
    once = normalised(spelt).document
    assert normalised(once).document == once
    report = validate(spelt)
    assert validate(report.normalized).normalized == report.normalized


@given(st.fixed_dictionaries({"steps": st.lists(HOSTILE, max_size=3)}, optional={"schedule": HOSTILE}) | ANYTHING)
def test_any_document_is_normalised_once_and_for_all_and_left_as_it_was(document: Any) -> None:
    before = copy.deepcopy(document)
    first = normalised(document)
    assert document == before
    assert normalised(first.document).document == first.document
    codec.encode(validate(document).as_json())
