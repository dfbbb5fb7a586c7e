"""What may come next in a command line, as the parsers have it."""

import argparse

import pytest

from mcp_auth_bridge.cli import manual
from mcp_auth_bridge.cli.completion_walk import Kind, find_candidates, split_line


def after(line):
    """The candidates, or their kind, at the end of `line`."""
    words, current = split_line(f"mcp-auth-bridge {line}")
    found = find_candidates(manual.build_parser(words), words, current)
    return found if isinstance(found, Kind) else [each.word for each in found]


@pytest.mark.parametrize(
    ("line", "words", "current"),
    [
        ("bridge ", [], ""),
        ("bridge login ac", ["login"], "ac"),
        ("X=1 Y= ./bridge login ", ["login"], ""),
        ("bridge call a b 'x y", ["call", "a", "b"], "x y"),
        ('bridge call a "x', ["call", "a"], "x"),
        ("bridge call a\\ b c", ["call", "a b"], "c"),
    ],
)
def test_a_line_is_split_as_a_shell_does_with_open_quotation_marks_too(line, words, current):
    assert split_line(line) == (words, current)


def test_first_comes_a_command_or_an_option_of_all():
    assert {"run", "login", "doctor", "completion"} <= set(after(""))
    assert after("") == after("--debug ") == after("--config x ")
    assert after("--") == ["--help", "--version", "--config", "--debug", "--log-format"]


def test_every_command_has_a_description():
    found = find_candidates(manual.build_parser(), [], "")
    assert all(each.about for each in found)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("login ", Kind.SERVERS),
        ("login --fresh ", Kind.SERVERS),
        ("status ", Kind.SERVERS),
        ("install ", Kind.CLIENTS),
        ("install cursor ", Kind.SERVERS),
        ("install --all ", Kind.SERVERS),
        ("login --all ", Kind.SERVERS),
        ("remove ", Kind.CONFIGURED),
        ("edit ", Kind.CONFIGURED),
        ("add ", Kind.PRESETS),
        ("add work ", Kind.PRESETS),
        ("add --preset ", Kind.PRESETS),
        ("secret ", Kind.UNKNOWN),
        ("call acme ", Kind.UNKNOWN),
        ("--config ", Kind.FILES),
        ("login --config=", Kind.FILES),
        ("doctor acme --bundle ", Kind.FILES),
        ("call acme shot --output ", Kind.FOLDERS),
        ("token acme --exec ", Kind.FILES),
        ("token acme --exec ./report.py --json ", Kind.FILES),
    ],
)
def test_an_argument_or_value_is_of_the_kind_that_the_help_names(line, kind):
    assert after(line) is kind


def test_after_the_last_argument_nothing_comes():
    assert after("login acme ") == []
    assert after("call acme tool a=1 b=2 ") is Kind.UNKNOWN


def test_a_value_with_choices_is_one_of_them():
    assert after("run acme --log-format ") == ["text", "json"]
    assert after("run acme --log-format=j") == ["--log-format=text", "--log-format=json"]
    assert after("completion ") == ["bash", "zsh", "fish"]


def test_an_option_is_offered_once_unless_it_may_be_repeated():
    options = after("run acme --headless --header 'A: b' -")
    assert "--headless" not in options
    assert "--header" in options


def test_an_option_that_does_not_exist_is_passed_over():
    assert after("login --nonsense ") is Kind.SERVERS
    assert after("login --nonsense=x ") is Kind.SERVERS
    assert after("nonsense ") == after("")


def test_a_hidden_option_is_not_offered():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--hidden", help=argparse.SUPPRESS)
    assert find_candidates(parser, [], "-") == []
