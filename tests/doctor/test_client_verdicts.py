"""From a client's file to the verdict, for a reader who knows no OAuth: whose fault it is, and the next step."""

import json

import anyio
import pytest
from commanding import context_of
from entries import executable

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.doctor import client
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Section
from mcp_auth_bridge.doctor.rules import RULES
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.verdict import Blame, judge

URL = "https://mcp.acme.example/mcp"
RUN = {"command": "mcp-auth-bridge", "args": ["run", "acme"]}
STRICT = "this file must not have comments, or a comma after the last item"
ELSEWHERE = '"file:PATH" or "keyring:NAME"'


def servers(entry, key="mcpServers"):
    return json.dumps({key: {"mine": entry}})


CASES = {
    "a comma is missing": (
        ".cursor/mcp.json",
        '{\n"mcpServers": {"mine": {"command": "mcp-auth-bridge"}}\n"x": 1}',
        Blame.YOU,
        "{home}/.cursor/mcp.json, from which Cursor reads its servers, is not valid: line 3: expecting ',' delimiter",
        "correct that line, then switch the server off and on in Cursor's settings",
    ),
    "a comment in a strict file": (
        ".claude.json",
        "// mine\n" + servers(RUN),
        Blame.YOU,
        "{home}/.claude.json, from which Claude Code reads its servers, is not valid: line 1: " + STRICT,
        "correct that line, then begin a new session of Claude Code",
    ),
    "an old path": (
        ".claude.json",
        servers({"command": "/old/mcp-auth-bridge", "args": ["run", "acme"]}),
        Blame.YOU,
        "the entry for acme in Claude Code starts “/old/mcp-auth-bridge”, and there is no such program",
        None,
    ),
    "a variable that the client strips": (
        ".gemini/settings.json",
        servers({**RUN, "args": ["run", "acme", "--header", "X-Acme-Key: env:ACME_KEY"]}),
        Blame.IDE,
        "Gemini CLI does not pass ACME_KEY on to the bridge, so the bridge works in your terminal, but not there",
        "in {home}/.gemini/settings.json, add ACME_KEY to the entry, or keep a secret elsewhere: " + ELSEWHERE,
    ),
    "another client's form of a variable": (
        ".claude.json",
        servers({**RUN, "env": {"ACME": "${env:ACME_KEY}"}}),
        Blame.YOU,
        "the entry for acme in Claude Code uses ${env:ACME_KEY}, which Claude Code does not replace with its value",
        None,
    ),
    "a value that was never filled in": (
        ".claude.json",
        servers({**RUN, "env": {"ACME_KEY": "<YOUR KEY>"}}),
        Blame.YOU,
        "the entry for acme in Claude Code still has a placeholder in place of the value of ACME_KEY",
        "in {home}/.claude.json, write the real value of ACME_KEY",
    ),
    "a secret in plain text": (
        ".claude.json",
        servers({**RUN, "args": ["run", "acme", "--header", "X-Acme-Key: canary-canary"]}),
        Blame.YOU,
        "{home}/.claude.json holds the secret X-Acme-Key in plain text, for everyone who can read that file",
        'keep it elsewhere: write "env:NAME", "file:PATH" or "keyring:NAME" in its place',
    ),
    "switched off": (
        ".kiro/settings/mcp.json",
        servers({**RUN, "disabled": True}),
        Blame.YOU,
        "the entry for acme in Kiro is switched off",
        "switch it on in Kiro, or in {home}/.kiro/settings/mcp.json",
    ),
    "another path": (
        ".claude.json",
        servers({**RUN, "args": ["run", f"{URL}/"]}),
        Blame.YOU,
        f"no client has an entry for {URL}, but Claude Code has one for {URL}/",
        f"correct it in {{home}}/.claude.json; if it is right, run: mcp-auth-bridge doctor {URL}/",
    ),
    "login instead of run": (
        ".claude.json",
        servers({**RUN, "args": ["login", "acme"]}),
        Blame.YOU,
        "the entry for acme in Claude Code does not work: it starts the command “login” of the bridge instead of run",
        "correct the entry in {home}/.claude.json",
    ),
    "nothing": (".claude.json", servers(RUN), Blame.NOTHING, "nothing is wrong", ""),
    "another bridge": (
        ".claude.json",
        servers({"command": "npx", "args": ["mcp-remote", URL]}),
        Blame.NOTHING,
        "nothing is wrong",
        "",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_file_of_a_client_leads_to_its_verdict(case, tmp_path, monkeypatch):
    file, text, blame, sentence, step = case
    executable(tmp_path / "bin")
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    environ = {"HOME": str(tmp_path), "PATH": f"{tmp_path / 'bin'}:/bin", "ACME_KEY": "canary-canary"}
    context = context_of(tmp_path, URL, environ=environ)
    evidence = Evidence(Subject(context, Bridge(context.config.profiles["acme"], context)))
    finding = anyio.run(client.entries, evidence)
    verdict = judge([(Section.CLIENT, finding)], RULES, evidence.subject.facts)
    assert (verdict.blame, verdict.sentence) == (blame, sentence.replace("{home}", str(tmp_path)))
    assert step is None or verdict.step == step.replace("{home}", str(tmp_path))
    assert verdict.step or blame is Blame.NOTHING
    assert "canary" not in repr((finding, verdict))
