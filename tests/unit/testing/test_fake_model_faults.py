import pytest
from tests.asking import Clock

from lithograph.errors import UsageError
from lithograph.testing.fake_model.faults import Chance, Fault, FaultSpec, Schedule


def schedule(spec: str) -> Schedule:
    return Schedule(FaultSpec.parse(spec), Clock())


def drawn(spec: str, requests: int, task: str = "mentions", text: str = "") -> list[Fault | None]:
    plan = schedule(spec)
    return [chance.fault if (chance := plan.draw(task, text)) else None for _ in range(requests)]


def test_a_spec_is_read_as_it_is_written() -> None:
    assert FaultSpec.parse(
        "429:0.05, 429-after=2:0.05,drip=0.5:0.1,timeout:0.01,outage=10-30.5,rpm=600,tpm=100000,concurrency=20,seed=7,"
        "task=relations,match=a place: Dunholm,first=3"
    ) == FaultSpec(
        (
            Chance(Fault.RATE_LIMITED, 0.05),
            Chance(Fault.RATE_LIMITED_AFTER, 0.05, 2.0),
            Chance(Fault.DRIP, 0.1, 0.5),
            Chance(Fault.TIMEOUT, 0.01),
        ),
        outage=(10.0, 30.5),
        rpm=600,
        tpm=100_000,
        concurrency=20,
        seed=7,
        task="relations",
        match="a place: Dunholm",
        first=3,
    )


@pytest.mark.parametrize("fault", Fault)
def test_every_kind_can_be_written(fault: Fault) -> None:
    assert drawn(f"{fault}:1", 1) == [fault]


def test_seconds_have_a_default() -> None:
    assert [chance.seconds for chance in FaultSpec.parse("429-after:0.5,drip:0.5").chances] == [1.0, 3.0]


@pytest.mark.parametrize("spec", ["", " ", ",", " , "])
def test_an_empty_spec_says_that_nothing_goes_wrong(spec: str) -> None:
    assert FaultSpec.parse(spec) == FaultSpec()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("429", "'429' is not understood: give KIND:PROBABILITY, of 429, 429-after,"),
        ("429:", "'429:' is not understood: '' is no number"),
        ("418:0.1", "'418:0.1' is not understood"),
        ("outage:0.1", "'outage:0.1' is not understood"),
        ("500:1.5", "a probability lies between 0 and 1"),
        ("500:-0.5", "no number of 0 or more"),
        ("500:nan", "no number of 0 or more"),
        ("500:often", "'often' is no number of 0 or more"),
        ("500=3:0.5", "only 429-after and drip take seconds"),
        ("drip=x:0.5", "'x' is no number of 0 or more"),
        ("500:0.6,503:0.6", "add up to 1.2; they may be 1 at most"),
        ("rpm=0", "a limit is at least 1"),
        ("rpm=-1", "'-1' is no whole number"),
        ("rpm=", "'rpm=' is not understood"),
        ("seed=x", "'x' is no whole number"),
        ("first=1.5", "'1.5' is no whole number"),
        ("outage=10", "give its beginning and its end in seconds"),
        ("outage=30-10", "give its beginning and its end in seconds"),
        ("task=relation", "a task is one of mentions, entities, relations, joint, probe, embeddings, other"),
    ],
)
def test_a_spec_that_is_not_understood_is_one_sentence(spec: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        FaultSpec.parse(spec)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_the_same_seed_gives_the_same_faults_and_another_gives_others() -> None:
    spec = "429:0.2,timeout:0.2,fenced:0.2"
    assert drawn(spec, 200) == drawn(spec, 200) != drawn(f"{spec},seed=1", 200)


def test_the_faults_of_a_seed_are_the_same_for_ever() -> None:
    assert drawn("500:0.3,drop:0.3,seed=7", 8) == [None, "500", "drop", "drop", "500", None, "drop", None]


def test_every_kind_has_its_share() -> None:
    found = drawn("429:0.1,500:0.2,drop:0.3", 10_000)
    shares = {fault: found.count(fault) / len(found) for fault in set(found)}
    assert shares == pytest.approx({Fault.RATE_LIMITED: 0.1, Fault.ERROR: 0.2, Fault.DROP: 0.3, None: 0.4}, abs=0.02)


def test_only_the_requests_of_a_task_draw() -> None:
    plan = schedule("500:1,task=relations,first=2")
    tasks = ("mentions", "relations", "entities", "relations", "relations")
    assert [plan.draw(task, "") is not None for task in tasks] == [False, True, False, True, False]


def test_only_the_requests_about_a_text_draw() -> None:
    plan = schedule("500:1,match=Dunholm")
    assert [plan.draw("mentions", text) is not None for text in ("in Leith", "in Dunholm", "", "Dunholm")] == [
        False, True, False, True,
    ]  # fmt: skip


def test_requests_for_vectors_draw_no_fault_of_writing() -> None:
    assert set(drawn("fenced:0.5,500:0.5", 50, task="embeddings")) == {Fault.ERROR, None}


def test_an_outage_counts_from_the_first_request() -> None:
    clock = Clock()
    plan = Schedule(FaultSpec.parse("outage=10-30"), clock)
    clock.now = 500.0
    states = []
    for clock.now in (500.0, 509.9, 510.0, 529.9, 530.0):
        states.append(plan.out())
    assert states == [False, False, True, True, False]


def test_without_an_outage_the_provider_is_never_down() -> None:
    assert not schedule("500:1").out()
