"""Which entries are started, and that the same start serves all clients that would do it alike."""

import sys
import time

import anyio
import pytest
from commanding import context_of
from entries import entry_of, executable, sorted_entries, system_at

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.clients import known_clients as known
from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.doctor.client.starts import Tried, problems_of_start, try_entries, why_none
from mcp_auth_bridge.doctor.client.trial_start import Trial
from mcp_auth_bridge.doctor.credential.held import HeldCredential, OrganisationOnly
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.files.paths import HOME_VARIABLE

URL = "https://mcp.acme.example/mcp"
NOTES = """#!{python}
import json, sys
open({notes!r}, "a").write("started\\n")
for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        print(json.dumps({{"jsonrpc": "2.0", "id": message["id"], "result": {{"tools": []}}}}), flush=True)
"""


@pytest.fixture
def place(tmp_path):
    return tmp_path


@pytest.fixture
def program(place):
    """A program that notes each of its starts."""
    return executable(place / "bin", text=NOTES.format(python=sys.executable, notes=str(place / "notes")))


def tried(place, *entries, forbidden="", **environ):
    context = context_of(place, URL)
    found = sorted_entries(Bridge(context.config.profiles["acme"], context), context, *entries)
    return anyio.run(try_entries, found.same, system_at(place, **environ), forbidden)


def starts(place):
    notes = place / "notes"
    return notes.read_text().splitlines() if notes.exists() else []


def test_an_entry_is_started_and_asked(place, program):
    [each] = tried(place, entry_of(known.CLAUDE_CODE, program, "run", "acme"))
    assert (each.reason, each.trial.error, each.trial.silent) == ("", "", False)
    assert len(starts(place)) == 1


def test_two_clients_that_start_the_same_in_the_same_way_need_one_start(place, program):
    claude, copy = (entry_of(known.CLAUDE_CODE, program, "run", "acme") for _ in range(2))
    codex = entry_of(known.CODEX, program, "run", "acme")
    one, two, other = tried(place, claude, copy, codex)
    assert one.trial is two.trial
    assert other.trial is not one.trial
    assert len(starts(place)) == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"disabled": True}, "it is switched off"),
        ({"number": 1}, "its file belongs to a project, and only you know whether you trust that"),
        ({"env": {"KEY": "${input:key}"}}, "it has values that only its client can fill in"),
        ({"env": {"HOME": "/elsewhere"}}, "it uses another configuration or login than this examination"),
        ({"env": {HOME_VARIABLE: "/elsewhere"}}, "it uses another configuration or login than this examination"),
    ],
)
def test_some_entries_are_never_started(place, program, change, reason):
    [each] = tried(place, entry_of(known.CLAUDE_CODE, program, "run", "acme", **change))
    assert (each.trial, each.reason) == (None, reason)
    assert starts(place) == []


@pytest.mark.parametrize("words", [["login", "acme"], ["acme"]])
def test_only_run_is_started(place, program, words):
    [each] = tried(place, entry_of(known.CLAUDE_CODE, program, *words))
    assert each.reason == "it is not the command run"
    assert starts(place) == []


def test_another_login_is_not_started(place, program):
    auth = ["--auth", 'kind = "bearer", token = "env:T"']
    [each] = tried(place, entry_of(known.CLAUDE_CODE, program, "run", "acme", *auth))
    assert each.reason == "it uses another configuration or login than this examination"


def test_a_folder_that_does_not_reach_the_bridge_is_another_login(place, program):
    [each] = tried(place, entry_of(known.CODEX, program, "run", "acme"), XDG_DATA_HOME="/data")
    assert each.reason == "it uses another configuration or login than this examination"


def test_a_command_that_is_not_found_is_not_started(place):
    [each] = tried(place, entry_of(known.CLAUDE_CODE, "/old/mcp-auth-bridge", "run", "acme"))
    assert each.reason == "its command was not found"


def test_a_reason_against_all_is_the_reason_of_each(place, program):
    [each] = tried(place, entry_of(known.CLAUDE_CODE, program, "run", "acme"), forbidden="no")
    assert (each.trial, each.reason) == (None, "no")
    assert starts(place) == []


def test_no_more_than_six_programs_are_started(place, program):
    entries = [entry_of(known.CLAUDE_CODE, program, "run", "acme", env={"N": str(number)}) for number in range(8)]
    reasons = [each.reason for each in tried(place, *entries)]
    assert reasons == [*6 * [""], "6 others were", "6 others were"]
    assert len(starts(place)) == 6


def test_a_secret_of_the_entry_is_not_repeated(place):
    program = executable(place / "bin", text='#!/bin/sh\necho "$ACME_TOKEN $*" >&2\nexit 2\n')
    words = ["--header", "X-Key: canary-header", "--header", "X-Other: plain"]
    entry = entry_of(known.CLAUDE_CODE, program, "run", "acme", *words, env={"ACME_TOKEN": "canary-token"})
    [each] = tried(place, entry)
    assert each.trial.error.startswith("it ended with status 2, saying")
    assert "canary" not in each.trial.error


def held(session=None):
    return HeldCredential(OrganisationOnly(), session=session)


REFUSED = Refusal(401, None, {})
DUE = "the login is about to be renewed, and a start would do that"


def session(lasts, refresh="RT"):
    """A login that was made an hour ago and lasts so many seconds more."""
    now = time.time()
    return Session(
        resource=URL,
        issuer="https://as.example",
        token_endpoint="https://as.example/token",
        client=Client(issuer="https://as.example", id="c"),
        access=Secret("AT"),
        refresh=refresh and Secret(refresh),
        obtained_at=now - 3600,
        expires_at=None if lasts is None else now + lasts,
    )


@pytest.fixture
def bridge(place):
    context = context_of(place, URL, '{ kind = "browser" }')
    return Bridge(context.config.profiles["acme"], context)


@pytest.mark.parametrize(
    ("login", "refusal", "reason"),
    [
        (session(3600), None, ""),
        (session(None), None, ""),
        (session(65), None, DUE),
        (session(-1), None, DUE),
        (session(-1, refresh=None), None, ""),
        (session(3600), REFUSED, "the server refuses the login, and a start would renew it"),
        (session(3600, refresh=None), REFUSED, ""),
    ],
)
def test_nothing_is_started_that_would_renew_the_login(bridge, login, refusal, reason):
    assert why_none(bridge, held(login), refusal) == reason


def test_without_a_login_nothing_can_be_renewed(bridge):
    assert why_none(bridge, held(), None) == ""


def test_a_machine_without_a_token_would_ask_for_one(place):
    machine = '{ kind = "client_credentials", client_id = "c", client_secret = "env:S", issuer = "https://as.example" }'
    context = context_of(place, URL, machine)
    machine_bridge = Bridge(context.config.profiles["acme"], context)
    assert why_none(machine_bridge, held(), None) == "a start would ask the authorization server for a token"


def shown(place, client, trial, *words, works_here=True):
    """The problems of a trial of an entry that is started with `words`."""
    context = context_of(place, URL)
    entry = entry_of(client, *(words or ("mcp-auth-bridge", "run", "acme")))
    [own] = sorted_entries(Bridge(context.config.profiles["acme"], context), context, entry).same
    found = [*problems_of_start(Tried(own, trial), system_at(place), works_here=works_here)]
    return [(each.outcome, each.sign and each.sign.symptom, each.hint) for each in found]


REFUSAL = Trial(greeted=0.1, listed=0.2, refusal="ACME_TOKEN is not set", hint="set it")


def test_a_good_start_and_none_have_no_problem(place):
    assert shown(place, known.CLAUDE_CODE, Trial(greeted=0.1, listed=0.2)) == []
    assert shown(place, known.CLAUDE_CODE, None) == []


def test_a_refusal_where_the_server_works_in_the_terminal_is_a_fault_of_the_start(place):
    expected = [(Outcome.FAIL, Symptom.ENTRY_FAILS_THERE, "set it")]
    assert shown(place, known.CODEX, REFUSAL) == expected
    assert shown(place, known.CODEX, REFUSAL, works_here=False) == []


def test_a_refusal_without_a_hint_points_to_the_variables(place):
    [(_, _, hint)] = shown(place, known.CODEX, Trial(greeted=0.1, refusal="no"))
    assert hint == "give the entry in /mcp.json the variables of this terminal"


def test_on_linux_a_desktop_may_have_other_variables_so_its_refusal_is_not_certain(place):
    assert shown(place, known.CURSOR, REFUSAL) == [(Outcome.FAIL, None, "set it")]


def test_a_start_that_ends_is_a_fault_of_the_entry(place):
    [(outcome, symptom, _)] = shown(place, known.CURSOR, Trial(error="it ended"), works_here=False)
    assert (outcome, symptom) == (Outcome.FAIL, Symptom.ENTRY_FAILS)


def test_a_slow_start_is_a_matter_of_its_download_only_if_there_may_be_one(place):
    uvx = ("uvx", "mcp-auth-bridge", "run", "acme")
    late, silent = Trial(greeted=3.1, listed=3.2), Trial(silent=True)
    assert [each[1] for each in shown(place, known.CLINE, late, *uvx)] == [Symptom.ENTRY_SLOW]
    assert [each[1] for each in shown(place, known.CLINE, late)] == [None]
    assert shown(place, known.CURSOR, late, *uvx) == []
    assert [each[1] for each in shown(place, known.CURSOR, silent, *uvx)] == [Symptom.ENTRY_SLOW]


def test_silence_is_a_problem_of_the_entry_if_the_server_answers_in_this_terminal(place):
    silent = Trial(silent=True)
    [(outcome, symptom, hint)] = shown(place, known.CURSOR, silent)
    assert (outcome, symptom) == (Outcome.WARN, None)
    assert "in a terminal" in hint
    assert shown(place, known.CURSOR, silent, works_here=False) == []
