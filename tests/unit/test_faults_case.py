"""Figures of a case by name, and counts that must be 0."""

from bench.faults.case import Sheet


def test_names_begin_with_the_case_and_its_variant() -> None:
    assert Sheet("storm").figure("posts", "", 1.0).name == "storm.posts"
    assert Sheet("store_pause", "fast").figure("growth", "MB", 1.0).name == (
        "store_pause.fast_growth"
    )


def test_a_count_that_must_be_0() -> None:
    sheet = Sheet("storm")
    assert sheet.none("not_whole", 0).passed is True
    assert sheet.none("not_whole", 1).passed is False
    assert sheet.none("extra_provider_calls", -1).passed is False
