"""What the configuration refers to: variables that are not set, and secrets that cannot be read."""

import os
import sys

import anyio
import pytest
from examining import evidence_of

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.profile_secrets import SecretsOfALook
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.secret_references import secrets, variables
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.symptoms import Symptom

URL = "https://mcp.acme.example/mcp"
BEARER = '{{ kind = "bearer", token = "{}" }}'


def examined(check, folder, token="env:TOKEN", more="", **environ):
    evidence = evidence_of(folder, URL, BEARER.format(token), {"PATH": os.environ["PATH"], **environ}, more)
    bridge = evidence.bridge
    bridge.secrets = SecretsOfALook(bridge.profile, bridge.store_access, bridge.environ)
    found = anyio.run(check, evidence)
    assert "canary" not in repr(found)
    return found


def symptoms(found):
    return [(each.symptom, dict(each.facts)) for each in found.signs]


def test_a_default_in_place_of_a_variable_is_a_warning_that_names_it(tmp_path):
    found = examined(variables, tmp_path, "${TOKEN:-canary}", 'headers = { X-Org = "${ORG:-7}", X-B = "env:B" }')
    assert (found.outcome, found.says) == (Outcome.WARN, "ORG is not set, so the default is used for the header X-Org")
    assert found.details == ("TOKEN is not set, so the default is used for the token",)
    assert found.hint.startswith("set ORG and TOKEN where mcp-auth-bridge is started")
    assert symptoms(found) == [
        (Symptom.VARIABLE_UNSET, {"variable": "ORG"}),
        (Symptom.DEFAULT_CREDENTIAL, {"variable": "TOKEN"}),
    ]


def test_a_default_of_a_path_counts_too(tmp_path):
    found = examined(variables, tmp_path, "file:${FOLDER:-/etc}/token")
    assert symptoms(found)[0] == (Symptom.VARIABLE_UNSET, {"variable": "FOLDER"})


def test_variables_that_are_set_and_empty_defaults_are_fine(tmp_path):
    found = examined(variables, tmp_path, "${TOKEN:-x}${MORE:-}", TOKEN="canary")
    assert (found.outcome, found.says) == (Outcome.OK, "the settings refer to MORE, TOKEN")
    assert examined(variables, tmp_path, "command:pass acme").says == "no setting refers to one"


def test_secrets_that_can_be_read_are_named_with_their_sources(tmp_path):
    (tmp_path / "org").write_text("canary\n")
    more = f'headers = {{ X-Org = "file:{tmp_path}/org", X-Plain = "42" }}'
    found = examined(secrets, tmp_path, "command:echo canary", more)
    assert (found.outcome, found.signs) == (Outcome.OK, ())
    assert found.says == f"the header X-Org from the file {tmp_path}/org, the token from the command “echo”"


def test_the_first_secret_that_cannot_be_read_is_the_failure_and_the_others_are_listed(tmp_path):
    more = 'headers = { X-Org = "file:/nonexistent/org", X-Team = "env:TEAM" }'
    found = examined(secrets, tmp_path, "command:false", more)
    assert found.outcome is Outcome.FAIL
    assert found.says == (
        "the header X-Org of acme should come from /nonexistent/org, which cannot be read: no such file"
    )
    assert [detail.partition(" of acme ")[0] for detail in found.details] == ["the header X-Team", "the token"]
    assert symptoms(found) == [(Symptom.SECRET_MISSING, {"error": found.says, "hint": found.hint})]


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "token"
    path.write_text(
        f"#!{sys.executable}\nimport os, sys\nprint(os.environ.get('ACME_HOME') or sys.exit('set ACME_HOME'))"
    )
    path.chmod(0o755)
    return f"command:{path}"


def test_a_command_that_lacks_a_variable_which_is_set_here_gets_the_line_to_add(tmp_path, program):
    found = examined(secrets, tmp_path, program, ACME_HOME="canary")
    assert found.says.endswith("ended with status 1, saying “set ACME_HOME”")
    assert found.hint == (
        'it is set here, but the command does not get it: add pass_environment = ["ACME_HOME"] to [servers.acme]'
    )
    assert found.signs[0].facts["hint"] == found.hint
    assert examined(secrets, tmp_path, program, 'pass_environment = ["ACME_HOME"]', ACME_HOME="x").outcome is Outcome.OK
    assert "pass_environment = [" not in examined(secrets, tmp_path, program).hint


def test_a_bare_url_has_no_table_for_such_a_line(tmp_path, program):
    context = evidence_of(tmp_path, URL, environ={"PATH": os.environ["PATH"], "ACME_HOME": "1"}).subject.context
    choice = ServerChoice("https://other.example/mcp", {"X-Key": program})
    found = anyio.run(secrets, Evidence(Subject(context, Bridge(context.config.choose(choice), context))))
    assert found.outcome is Outcome.FAIL
    assert found.hint.startswith("run it in a terminal")


def test_plain_values_and_no_server_leave_nothing_to_read(tmp_path):
    assert examined(secrets, tmp_path, "literal:canary").says == "no setting refers to one"
    alone = Evidence(Subject(evidence_of(tmp_path, URL).subject.context))
    assert [anyio.run(check, alone).outcome for check in (variables, secrets)] == [Outcome.SKIP, Outcome.SKIP]
