from lithograph.domain.usage import NOTHING, Usage


def test_usages_add_up_field_by_field() -> None:
    assert Usage(1, 10, 5, 0.5) + Usage(2, 20, 6, 0.25) == Usage(3, 30, 11, 0.75)
    assert Usage(1, 10, 5, 0.5) + NOTHING == Usage(1, 10, 5, 0.5)
