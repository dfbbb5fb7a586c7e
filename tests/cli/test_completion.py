"""The answers to a shell that completes a command line, without a keyring."""

import asyncio

import pytest
from commanding import context_of
from stored_login import BROWSER, URL, log_in

from mcp_auth_bridge.cli.completion import answer


@pytest.fixture
def context(tmp_path):
    return context_of(tmp_path, URL, BROWSER, more="[servers.zeta]\nurl = 'https://zeta.example'\nnonsense = 1\n")


def asked(context, line, shell="fish"):
    return asyncio.run(answer(shell, f"mcp-auth-bridge {line}", context)).splitlines()


def test_only_what_fits_the_begun_word_is_answered(context):
    assert [line.partition("\t")[0] for line in asked(context, "log")] == ["login", "logout"]
    assert asked(context, "nothing-like-this") == []


def test_fish_and_zsh_get_descriptions_and_bash_gets_none(context):
    assert asked(context, "log", "fish") == asked(context, "log", "zsh")
    assert asked(context, "log", "fish")[1] == "logout\tEnd a login"
    assert asked(context, "log", "bash") == ["login", "logout"]


def test_servers_are_completed_by_name_also_those_with_a_mistake(context):
    assert asked(context, "run ") == [f"acme\t{URL}", "zeta\thttps://zeta.example"]
    assert asked(context, "remove ") == ["acme", "zeta"]


def test_clients_and_presets_are_completed_by_name(context):
    assert asked(context, "install claude-c") == ["claude-code\tClaude Code"]
    assert "github" in asked(context, "add gith")


def test_files_and_folders_are_left_to_the_shell(context):
    assert asked(context, "--config ") == [":files"]
    assert asked(context, "call acme x --output ") == [":folders"]


def test_for_a_value_that_is_free_there_is_no_answer(context):
    assert asked(context, "call acme ") == []


def test_bash_gets_what_follows_the_last_letter_at_which_it_breaks_words(context):
    assert asked(context, "run acme --log-format=j", "bash") == ["json"]
    assert asked(context, "run acme --log-format=j", "zsh") == ["--log-format=json"]


def test_a_name_from_the_store_cannot_steer_a_terminal(tmp_path):
    context = context_of(tmp_path, URL, BROWSER, more='["servers"."\\u001b[2Jx"]\nurl = "https://zeta.example"\n')
    assert not any("\x1b" in line for line in asked(context, "remove "))


def test_a_login_by_url_is_completed_by_its_short_name_where_its_key_is_in_a_file(context):
    log_in(context, "https://mcp.suite.example/mcp")
    assert "suite\thttps://mcp.suite.example/mcp" in asked(context, "logout ")
