"""What is wrong with the entries of clients: each problem in words, with its sign only where it is certain."""

import json

import pytest
from commanding import context_of
from entries import entry_of, executable, sorted_entries, system_at

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.clients import known_clients as known
from mcp_auth_bridge.clients.client import Platform
from mcp_auth_bridge.doctor.client_files import UnreadFile
from mcp_auth_bridge.doctor.client_problems import problems
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.shell.files.paths import HOME_VARIABLE

URL = "https://mcp.acme.example/mcp"
NAME = "mcp-auth-bridge"
BROKEN = UnreadFile(known.CURSOR, "/home/u/.cursor/mcp.json", "line 3: expecting ',' delimiter", concerns=True)


@pytest.fixture
def found(tmp_path):
    """The problems of entries on a machine whose terminal finds the bridge."""
    context = context_of(tmp_path, URL, '{ kind = "bearer", token = "env:ACME_TOKEN" }')
    bridge = Bridge(context.config.profiles["acme"], context)
    executable(tmp_path / "bin")

    def find(*entries, unread=(), platform=Platform.LINUX, **environ):
        sorted_ones = sorted_entries(bridge, context, *entries)
        return [*problems(sorted_ones, unread, bridge, system_at(tmp_path, platform, **environ))]

    return find


def symptoms(found):
    return [each.sign and each.sign.symptom for each in found]


def test_a_good_entry_has_no_problem(found):
    assert found(entry_of(known.CLAUDE_CODE, NAME, "run", "acme"), ACME_TOKEN="t") == []


def test_a_file_that_concerns_the_server_and_is_not_valid_is_a_problem(found):
    [problem] = found(unread=[BROKEN, UnreadFile(known.KIRO, "/x", "line 1: y", concerns=False)])
    assert problem.outcome is Outcome.FAIL
    assert problem.says == (
        "/home/u/.cursor/mcp.json, from which Cursor reads its servers, is not valid: line 3: expecting ',' delimiter"
    )
    assert symptoms([problem]) == [Symptom.ENTRY_FILE_INVALID]


def test_a_command_that_exists_nowhere_is_missing_for_certain(found):
    [problem] = found(entry_of(known.CLAUDE_CODE, "/old/bin/mcp-auth-bridge", "run", "acme"))
    assert problem.says == "the entry in Claude Code starts “/old/bin/mcp-auth-bridge”, which does not exist"
    assert symptoms([problem]) == [Symptom.ENTRY_COMMAND_MISSING]
    assert problem.hint.endswith(problem.sign.facts["entry"])
    assert json.loads(problem.sign.facts["entry"])["args"][-2:] == ["run", "acme"]


def test_on_macos_a_dock_does_not_find_what_the_terminal_finds(found, tmp_path):
    [problem] = found(entry_of(known.CLAUDE_DESKTOP, NAME, "run", "acme"), platform=Platform.MACOS)
    assert problem.outcome is Outcome.FAIL
    assert symptoms([problem]) == [Symptom.ENTRY_COMMAND_HIDDEN]
    assert problem.sign.facts["path"] == str(tmp_path / "bin" / NAME)


def test_on_linux_a_desktop_may_find_it_so_nobody_is_blamed(found):
    [problem] = found(entry_of(known.CURSOR, NAME, "run", "acme"))
    assert (problem.outcome, problem.sign) == (Outcome.WARN, None)
    assert problem.says.startswith("Cursor may not find “mcp-auth-bridge”")


@pytest.mark.parametrize("client", [known.VS_CODE, known.CLAUDE_CODE, known.CODEX])
def test_a_client_with_the_path_of_the_shell_finds_it(found, client):
    assert found(entry_of(client, NAME, "run", "acme")) == []


def test_another_command_of_the_bridge_cannot_work(found):
    problem, *_ = found(entry_of(known.CLAUDE_CODE, NAME, "login", "acme"))
    assert problem.says == (
        "the entry in Claude Code cannot work: it starts the command “login” of the bridge instead of run"
    )
    assert symptoms([problem]) == [Symptom.ENTRY_FAILS]


@pytest.mark.parametrize(
    ("env", "symptom"),
    [
        ({"ACME_TOKEN": "canary-canary"}, Symptom.ENTRY_HOLDS_SECRET),
        ({"ACME_TOKEN": "<YOUR_TOKEN>"}, Symptom.ENTRY_PLACEHOLDER),
        ({"ACME_TOKEN": "${env:ACME_TOKEN}"}, Symptom.ENTRY_UNEXPANDED),
    ],
)
def test_a_faulty_value_is_named_and_not_repeated(found, env, symptom):
    [problem] = found(entry_of(known.CLAUDE_CODE, NAME, "run", "acme", env=env))
    assert symptoms([problem]) == [symptom]
    assert problem.outcome is Outcome.WARN
    assert "canary" not in repr(problem)


def test_a_variable_that_the_profile_reads_must_reach_the_bridge(found):
    [problem] = found(entry_of(known.CODEX, NAME, "run", "acme"), ACME_TOKEN="t")
    assert problem.says == "Codex does not pass on ACME_TOKEN, which the bridge reads"
    assert symptoms([problem]) == [Symptom.ENTRY_LACKS_VARIABLE]
    assert problem.hint.endswith("or keep the secret elsewhere: file:PATH or keyring:NAME")
    assert found(entry_of(known.CODEX, NAME, "run", "acme", forwards=("ACME_TOKEN",)), ACME_TOKEN="t") == []


def test_a_variable_with_a_default_need_not_reach_the_bridge(tmp_path):
    executable(tmp_path / "bin")
    context = context_of(
        tmp_path, URL, more='headers = { "X-A" = "${A}", "X-B" = "b ${B:-none}", "X-C" = "file:${C}/c" }'
    )
    bridge = Bridge(context.config.profiles["acme"], context)
    entries = sorted_entries(bridge, context, entry_of(known.CODEX, NAME, "run", "acme"))
    found = problems(entries, (), bridge, system_at(tmp_path, A="1", B="2", C="3"))
    assert [problem.sign.facts["variable"] for problem in found] == ["A", "C"]


def test_a_folder_of_the_bridge_must_reach_it_too(found):
    [problem] = found(entry_of(known.CODEX, NAME, "run", "acme"), **{HOME_VARIABLE: "/srv"})
    assert problem.hint == f"add {HOME_VARIABLE} to the entry in /mcp.json"


def test_on_linux_a_desktop_may_have_the_variable(found, tmp_path):
    path = str(tmp_path / "bin" / NAME)
    [problem] = found(entry_of(known.CURSOR, path, "run", "acme"), ACME_TOKEN="t")
    assert (problem.outcome, problem.sign) == (Outcome.WARN, None)
    assert problem.says == "Cursor may not have the variable ACME_TOKEN, which the bridge reads"


def test_the_only_entry_may_be_switched_off(found):
    off = entry_of(known.CURSOR, "/old/mcp-auth-bridge", "run", "acme", disabled=True)
    assert symptoms(found(off)) == [Symptom.ENTRY_DISABLED]
    assert found(off, entry_of(known.CLAUDE_CODE, NAME, "run", "acme")) == []


def test_an_entry_for_almost_the_same_server_is_told_only_where_none_is_right(found):
    like = entry_of(known.CURSOR, NAME, "run", f"{URL}/")
    [problem] = found(like)
    assert symptoms([problem]) == [Symptom.ENTRY_OF_ANOTHER_URL]
    assert problem.says == f"Cursor has an entry for “{URL}/”, and none for this server"
    assert found(like, entry_of(known.CLAUDE_CODE, NAME, "run", "acme")) == []


def test_failures_come_before_warnings(found):
    entry = entry_of(known.CLAUDE_CODE, NAME, "run", "acme", env={"ACME_TOKEN": "canary-canary"})
    assert [each.outcome for each in found(entry, unread=[BROKEN])] == [Outcome.FAIL, Outcome.WARN]
