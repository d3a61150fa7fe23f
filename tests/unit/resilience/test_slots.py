from lithograph.resilience.slots import Slots


def test_slots_are_free_until_all_that_are_allowed_are_taken() -> None:
    slots = Slots(2)
    slots.take()
    assert slots.free
    slots.take()
    assert not slots.free
    slots.give_back()
    assert slots.free


def test_the_calls_of_one_round_halve_once() -> None:
    slots = Slots(20)
    rounds = [slots.take() for _ in range(20)]
    for number in rounds:
        slots.limited(number)
    assert slots.allowed == 10


def test_the_next_round_halves_again_and_one_is_always_allowed() -> None:
    slots = Slots(5)
    allowed = []
    for _ in range(4):
        slots.limited(slots.take())
        allowed.append(slots.allowed)
    assert allowed == [2, 1, 1, 1]


def test_every_success_raises_by_one_and_never_above_the_full_number() -> None:
    slots = Slots(4)
    slots.limited(slots.take())
    allowed = []
    for _ in range(4):
        slots.succeeded(slots.take())
        allowed.append(slots.allowed)
    assert allowed == [3, 4, 4, 4]


def test_successes_from_before_a_halving_do_not_undo_it() -> None:
    slots = Slots(20)
    first, *others = [slots.take() for _ in range(20)]
    slots.limited(first)
    for number in others:
        slots.succeeded(number)
    assert slots.allowed == 10
