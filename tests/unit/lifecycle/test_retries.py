"""When an attempt is tried again (H5)."""

from __future__ import annotations

import pytest

from hengio.clock import SECOND
from hengio.lifecycle.retries import may_retry, retries_left, retry_at
from hengio.model.execution import StepStatus
from hengio.model.outcome import Failure
from hengio.model.policy import Retry
from tests.support.builders import NOON, a_job, a_run, a_step


def delays(retry: Retry, attempts: int) -> list[float]:
    step = a_step("a", retry=retry)
    runs = (a_run("a", attempt=attempt, completed_at=NOON) for attempt in range(1, attempts + 1))
    return [(retry_at(step, run) - NOON) / SECOND for run in runs]


@pytest.mark.requirement("H5.3")
def test_delays_are_5_s_15_s_1_min_5_min_30_min_and_stay_there() -> None:
    assert delays(Retry(jitter=0.0), 7) == [5, 15, 60, 300, 1800, 1800, 1800]


@pytest.mark.requirement("H5.3")
def test_delays_are_the_authors_if_given() -> None:
    assert delays(Retry(delays_seconds=(1.0, 2.0), jitter=0.0), 3) == [1, 2, 2]


def test_no_delays_means_at_once() -> None:
    assert delays(Retry(delays_seconds=()), 2) == [0, 0]


@pytest.mark.parametrize(("asked", "waited"), [(3, 5), (90, 90), (10**9, 3600), (-1, 5), ("soon", 5)])
def test_a_server_that_asks_to_be_left_alone_is_for_an_hour_at_most(asked: object, waited: float) -> None:
    failure = Failure("http_status", "429", details={"retry_after_seconds": asked})
    run = a_run("a", completed_at=NOON, failure=failure)
    assert retry_at(a_step("a", retry=Retry(jitter=0.0)), run) == NOON + waited * SECOND


@pytest.mark.requirement("H5.3")
def test_jitter_spreads_attempts_within_its_share_and_is_the_same_on_replay() -> None:
    step = a_step("a", retry=Retry(delays_seconds=(100.0,), jitter=0.2))
    runs = [a_run("a", execution=f"e{number}", completed_at=NOON) for number in range(200)]
    found = [(retry_at(step, run) - NOON) / SECOND for run in runs]
    assert all(80 <= delay <= 120 for delay in found)
    assert min(found) < 85
    assert max(found) > 115
    assert found == [(retry_at(step, run) - NOON) / SECOND for run in runs]


@pytest.mark.requirement("H5.3")
def test_only_failures_that_may_pass_are_retried_unless_the_step_lists_the_kind() -> None:
    run = a_run("a", status=StepStatus.FAILED, kind="out_of_memory")
    assert not may_retry(a_step("a"), run)
    assert may_retry(a_step("a", retry=Retry(on=("out_of_memory",))), run)
    assert may_retry(a_step("a"), a_run("a", status=StepStatus.FAILED, kind="timed_out", retryable=True))


@pytest.mark.requirement("H5.3")
def test_the_job_allows_three_retries_unless_it_or_the_step_says_otherwise() -> None:
    assert [retries_left(a_job("a"), a_step("a"), attempt=n) for n in (1, 3, 4)] == [True, True, False]
    assert not retries_left(a_job("a", max_retries=0), a_step("a"), attempt=1)
    step = a_step("a", retry=Retry(max_retries=5))
    assert [retries_left(a_job("a", max_retries=0), step, attempt=n) for n in (5, 6)] == [True, False]


@pytest.mark.requirement("H5.3")
def test_ten_retries_are_the_most() -> None:
    step = a_step("a", retry=Retry(max_retries=50))
    assert [retries_left(a_job("a"), step, attempt=n) for n in (10, 11)] == [True, False]
