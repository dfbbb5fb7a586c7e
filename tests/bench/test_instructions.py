"""What a start, a call and a notification may cost, in instructions."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

import instructions
from needs import needs
from stand import Stand


@pytest.mark.slow
@pytest.mark.timeout(400)
@needs("valgrind")
@pytest.mark.skipif(
    instructions.kept().python != instructions.PYTHON, reason=f"the figures are those of {instructions.kept().python}"
)
def test_nothing_takes_a_tenth_more_instructions_than_in_the_last_release(tmp_path: Path) -> None:
    with Stand.alone(tmp_path) as stand:
        figures = instructions.measure(stand)
    assert instructions.excess(figures, instructions.kept().figures) == []


def test_there_is_a_figure_of_the_last_release_for_each_row() -> None:
    assert instructions.kept().figures.keys() == instructions.KEYS


def test_a_tenth_more_is_within_the_limit() -> None:
    before = dict.fromkeys(instructions.KEYS, 1000)
    assert instructions.excess({**before, "call": 1100}, before) == []


def test_a_row_above_the_limit_is_named_with_both_figures() -> None:
    before = dict.fromkeys(instructions.KEYS, 1000)
    assert instructions.excess({**before, "call": 1101}, before) == [
        "call: 1,101 instructions, 1.10 times the last release's 1,000"
    ]


def test_a_figure_far_below_the_last_release_s_is_no_fault() -> None:
    before = dict.fromkeys(instructions.KEYS, 1000)
    assert instructions.excess(dict.fromkeys(instructions.KEYS, 10), before) == []
