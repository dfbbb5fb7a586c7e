"""Every test file belongs to a module; lines that a module's own tests do not cover have a reason in pyproject.toml."""

import re

import pytest
from individual_coverage import (
    ROOT,
    Share,
    files_of_rooms,
    in_ranges,
    lines_of_functions,
    module_of,
    modules,
    reasons,
    verdict,
)


def test_the_name_of_every_test_file_begins_with_its_module():
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
def test_a_file_belongs_to_the_longest_module_name_that_it_begins_with(file, module):
    assert module_of(file, ["oauth/machine", "oauth/machine_refusals", "urls"]) == module


def test_every_exception_names_an_existing_module_and_has_a_reason():
    assert reasons().keys() - modules().keys() == set()
    assert all(reason.strip() for reason in reasons().values())


def test_the_tests_that_a_reason_names_are_there():
    named = {path for reason in reasons().values() for path in re.findall(r"tests/[\w/.]*\w", reason)}
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_a_module_without_an_exception_must_be_fully_covered():
    assert verdict("urls", Share(40, []), None) is None
    assert verdict("urls", Share(40, [7, 8, 9, 12]), None) == (
        "urls: its own tests cover 90 % of its lines, without 7-9, 12"
    )


def test_an_unneeded_exception_is_an_error():
    assert verdict("urls", Share(40, [7]), "only Windows") is None
    assert verdict("urls", Share(40, []), "only Windows") == (
        "urls: covered by its own tests; take it out of [tool.individual_coverage]"
    )


def test_only_lines_inside_functions_count():
    source = "import os\n\nclass A:\n    x = 1\n    def f(self):\n        y = 2\n        return y\n\nz = A().f()\n"
    assert lines_of_functions(source) == {6, 7}


@pytest.mark.parametrize(("lines", "words"), [([], ""), ([3], "3"), ([1, 2, 4, 6, 7, 8], "1-2, 4, 6-8")])
def test_consecutive_lines_form_one_range(lines, words):
    assert in_ranges(lines) == words
