"""The options that several commands share: the same words and the same effect everywhere."""

import argparse

import pytest

from mcp_auth_bridge.cli import options
from mcp_auth_bridge.cli.parser import CommandParser


@pytest.fixture
def command():
    """A command with every shared option; a call parses the words after its name."""
    parser = CommandParser(prog="mcp-auth-bridge")
    parser.add_argument("--config")
    commands = parser.add_subparsers(parser_class=CommandParser)
    story = options.add_command(commands, "run", "Run it. And more.", "  mcp-auth-bridge run acme")
    for add in (options.add_header, options.add_ipv4, options.add_allow_http, options.add_auth):
        add(story)
    return lambda *words: parser.parse_args(words)


def test_an_option_may_stand_before_and_after_the_command(command):
    assert command("run", "--config", "after.toml").config == "after.toml"
    assert command("--config", "before.toml", "run").config == "before.toml"


def test_options_that_were_not_given_are_off(command):
    given = command("run")
    assert (given.header, given.ipv4, given.allow_http, given.auth) == ([], False, False, None)
    assert not hasattr(given, "debug")


def test_a_header_may_be_given_several_times(command):
    given = command("run", "--header", "A: 1", "--header", "B: 2", "--ipv4", "--allow-http", "--auth", "kind = 'none'")
    assert given.header == ["A: 1", "B: 2"]
    assert (given.ipv4, given.allow_http, given.auth) == (True, True, "kind = 'none'")


def test_the_help_of_a_command_begins_with_its_first_sentence_and_ends_with_an_example():
    parser = argparse.ArgumentParser()
    story = options.add_command(
        parser.add_subparsers(parser_class=CommandParser), "run", "Run it. And more.", "  run x"
    )
    assert story.description == "Run it. And more."
    assert story.format_help().endswith("example:\n  run x\n")
