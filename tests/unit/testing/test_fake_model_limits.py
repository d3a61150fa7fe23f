import pytest
from tests.asking import Clock

from lithograph.testing.fake_model.faults import FaultSpec
from lithograph.testing.fake_model.limits import Bucket, Limited, Limits


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limits(spec: str, clock: Clock) -> Limits:
    return Limits(FaultSpec.parse(spec), clock)


def test_a_bucket_holds_a_minute_and_is_refilled_all_the_time(clock: Clock) -> None:
    bucket = Bucket(600, clock)
    bucket.take(600)
    assert (bucket.level().remaining, bucket.level().reset) == (0, 60.0)
    assert bucket.seconds_until(1) == pytest.approx(0.1, abs=1e-3)
    clock.now += 0.1
    assert bucket.level().remaining == 1
    assert bucket.seconds_until(1) == 0
    clock.now += 1_000
    assert bucket.level().remaining == 600


def test_more_requests_than_the_limit_are_refused_until_there_is_room(clock: Clock) -> None:
    kept = limits("rpm=60", clock)
    assert [kept.refusal(10, 0) for _ in range(60)] == [None] * 60
    refusal = kept.refusal(10, 0)
    assert refusal is not None
    assert (refusal.limited, refusal.size, refusal.used, refusal.requested) == (Limited.REQUESTS, 60, 60, 1)
    assert refusal.seconds == pytest.approx(1.0, abs=0.01)
    clock.now += refusal.seconds
    assert kept.refusal(10, 0) is None
    assert kept.refusal(10, 0) is not None


def test_a_steady_client_at_the_limit_is_never_refused(clock: Clock) -> None:
    kept = limits("rpm=600", clock)
    for _ in range(6_000):
        assert kept.refusal(1, 0) is None
        clock.now += 0.1


def test_tokens_are_taken_before_and_after_the_answer(clock: Clock) -> None:
    kept = limits("tpm=6000", clock)
    assert kept.refusal(2_000, 0) is None
    kept.settle(4_500)
    refusal = kept.refusal(100, 0)
    assert refusal is not None
    assert refusal.limited is Limited.TOKENS
    assert refusal.seconds == pytest.approx(6.0, abs=0.01)  # the debt of 500 and the 100 that are asked for
    clock.now += 6.0
    assert kept.refusal(100, 0) is None


def test_a_refused_request_takes_nothing(clock: Clock) -> None:
    kept = limits("rpm=2,tpm=100", clock)
    assert kept.refusal(60, 0) is None
    assert kept.refusal(60, 0) is not None
    assert kept.requests is not None
    assert kept.requests.level().remaining == 1


def test_a_request_larger_than_the_bucket_waits_until_that_is_full(clock: Clock) -> None:
    kept = limits("tpm=100", clock)
    assert kept.refusal(250, 0) is None
    refusal = kept.refusal(250, 0)
    assert refusal is not None
    clock.now += refusal.seconds
    assert kept.refusal(250, 0) is None


def test_no_more_requests_are_in_work_than_may_be(clock: Clock) -> None:
    kept = limits("concurrency=3", clock)
    assert kept.refusal(10, 2) is None
    refusal = kept.refusal(10, 3)
    assert refusal is not None
    assert (refusal.limited, refusal.seconds) == (Limited.CONCURRENCY, 1.0)


def test_without_limits_everything_is_let_in(clock: Clock) -> None:
    assert limits("500:1", clock).refusal(10**9, 10**6) is None
