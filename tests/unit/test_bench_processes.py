"""CPU time out of the kernel's text."""

from bench.processes import parse_stat, spent


def test_a_line_of_stat_whose_name_holds_anything() -> None:
    line = "812 (a) b (c) R 7 812 812 0 -1 4194304 95 0 0 0 31 12 5 4 20 0 1 0 8117 1 2 3"
    assert parse_stat(line) == (7, 43)


def test_what_was_spent_in_between() -> None:
    assert spent({"api": 1.0}, {"api": 1.5, "store": 0.25}) == {"api": 0.5, "store": 0.25}
