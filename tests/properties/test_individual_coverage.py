"""The tests of a room lie beside its code; what its own tests leave out of a module has a reason in pyproject.toml."""

import pytest
from individual_coverage import (
    Share,
    files_of_rooms,
    in_ranges,
    lines_of_functions,
    module_of,
    modules,
    reasons,
    verdict,
)


def test_every_test_file_of_a_room_begins_with_the_module_that_it_tests():
    assert [file for file in files_of_rooms() if not module_of(file, modules())] == []


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("tests/oauth/test_machine.py", "oauth/machine"),
        ("tests/oauth/test_machine_plans.py", "oauth/machine"),
        ("tests/oauth/test_machine_refusals.py", "oauth/machine_refusals"),
        ("tests/oauth/test_machinery.py", None),
        ("tests/relay/test_machine.py", None),
        ("tests/test_urls_for_person.py", "urls"),
    ],
)
def test_a_file_is_of_the_longest_name_that_it_begins_with(file, module):
    assert module_of(file, ["oauth/machine", "oauth/machine_refusals", "urls"]) == module


def test_every_exception_is_of_a_module_that_is_there_and_has_a_reason():
    assert reasons().keys() - modules().keys() == set()
    assert all(reason.strip() for reason in reasons().values())


def test_a_module_without_an_exception_is_covered_to_the_last_line():
    assert verdict("urls", Share(40, []), None) is None
    assert verdict("urls", Share(40, [7, 8, 9, 12]), None) == (
        "urls: its own tests cover 90 % of its lines, without 7-9, 12"
    )


def test_an_exception_that_is_not_needed_any_more_is_a_mistake():
    assert verdict("urls", Share(40, [7]), "only Windows") is None
    assert verdict("urls", Share(40, []), "only Windows") == (
        "urls: covered by its own tests; take it out of [tool.individual_coverage]"
    )


def test_only_lines_inside_functions_count():
    source = "import os\n\nclass A:\n    x = 1\n    def f(self):\n        y = 2\n        return y\n\nz = A().f()\n"
    assert lines_of_functions(source) == {6, 7}


@pytest.mark.parametrize(("lines", "words"), [([], ""), ([3], "3"), ([1, 2, 4, 6, 7, 8], "1-2, 4, 6-8")])
def test_lines_in_a_row_are_one_range(lines, words):
    assert in_ranges(lines) == words
