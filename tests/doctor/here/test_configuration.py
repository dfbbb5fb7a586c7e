"""The configuration: whether it can be used, and the place of each setting, but never its value."""

import anyio
import pytest
from commanding import context_of
from examining import evidence_of
from msgspec.structs import replace
from stored_login import log_in

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import load_context_or_default
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.config.store import MemoryStoreSettings
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.here.configuration import configuration, settings
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.files.paths import paths_below

URL = "https://mcp.acme.example/mcp"

FILE = """\
[servers.acme]
url = "https://mcp.acme.example/mcp"
headers = { "X-Org" = "42-canary", "X-Key" = "env:ACME_KEY" }
auth = { kind = "browser", scopes = ["read"] }
"""


@pytest.fixture
def paths(tmp_path):
    return paths_below(tmp_path)


def loaded(paths, text=None, environ=None):
    if text is not None:
        paths.config.write_text(text)
    context = load_context_or_default(lambda: paths, None, MemoryStoreSettings())
    return replace(context, environ=environ or {})


def chosen(context, **choice):
    """The evidence about the server that a command line names."""
    return Evidence(Subject(context, Bridge(context.config.choose(ServerChoice(**choice)), context)))


def test_a_file_that_can_be_used_is_named(paths):
    context = loaded(paths, FILE)
    found = anyio.run(configuration, Evidence(Subject(context)))
    assert (found.outcome, found.says) == (Outcome.OK, str(paths.config))


def test_no_file_is_needed(paths):
    context = loaded(paths, environ={"MCP_AUTH_BRIDGE_HOME": "/srv"})
    found = anyio.run(configuration, Evidence(Subject(context)))
    assert found.outcome is Outcome.OK
    assert found.says == f"there is no {paths.config}, below MCP_AUTH_BRIDGE_HOME, and none is needed"


def test_a_file_that_cannot_be_used_is_a_failure_with_its_line(paths):
    found = anyio.run(configuration, Evidence(Subject(loaded(paths, "a = = 1\n"))))
    assert (found.outcome, [each.symptom for each in found.signs]) == (Outcome.FAIL, [Symptom.CONFIG_UNREADABLE])
    assert "line 1" in found.says


@pytest.mark.parametrize(("name", "symptom"), [("acme", Symptom.CONFIG_UNREADABLE), ("other", Symptom.SERVER_UNKNOWN)])
def test_a_broken_server_and_an_unknown_one_are_told_apart(paths, name, symptom):
    context = loaded(paths, "[servers.acme]\nulr = 'https://mcp.acme.example/mcp'\n")
    with pytest.raises(ConfigError) as refusal:
        context.config.choose(ServerChoice(name))
    found = anyio.run(configuration, Evidence(Subject(context, server_error=refusal.value)))
    assert (found.outcome, [each.symptom for each in found.signs]) == (Outcome.FAIL, [symptom])
    assert found.says == refusal.value.message


def test_the_other_servers_of_the_file_may_be_broken(paths):
    context = loaded(paths, FILE + "[servers.two]\nulr = ''\n[servers.three]\n")
    found = anyio.run(configuration, Evidence(Subject(context)))
    assert (found.outcome, len(found.details), found.signs) == (Outcome.WARN, 1, ())
    assert "servers.two" in found.says
    assert "servers.three" in found.details[0]
    of_acme = anyio.run(configuration, chosen(context, target="acme"))
    assert (of_acme.outcome, len(of_acme.details)) == (Outcome.OK, 2)


def places(evidence):
    found = anyio.run(settings, evidence)
    assert found.outcome is Outcome.OK
    assert "canary" not in repr(found)
    return found.says, found.details


def test_each_setting_of_the_file_has_its_line_and_the_source_of_its_value(paths):
    assert places(chosen(loaded(paths, FILE), target="acme")) == (
        "[servers.acme], and for the rest the defaults",
        (
            "url: line 2",
            "headers.X-Org: line 3, from the value in the configuration",
            "headers.X-Key: line 3, from the environment variable ACME_KEY",
            "auth.kind: line 4",
            "auth.scopes: line 4",
        ),
    )


def test_a_byte_order_mark_does_not_hide_the_lines(paths):
    assert "url: line 2" in places(chosen(loaded(paths, f"\ufeff{FILE}"), target="acme"))[1]


def test_the_command_line_goes_before_the_file(paths):
    evidence = chosen(
        loaded(paths, FILE),
        target="acme",
        headers={"X-Org": "43-canary", "X-Team": "env:TEAM"},
        auth='kind = "bearer", token = "env:TOKEN"',
        ipv4=True,
    )
    _, details = places(evidence)
    assert [line for line in details if "the command line" in line] == [
        "headers.X-Org: the command line, from the value in the configuration",
        "auth: the command line",
        "headers.X-Team: the command line, from the environment variable TEAM",
        "network.ipv4_only: the command line",
    ]


def test_a_server_by_url_comes_from_the_command_line(paths):
    says, details = places(chosen(loaded(paths, FILE), target="https://other.example/mcp"))
    assert says == "from the command line, and for the rest the defaults"
    assert details == ("url: the command line",)


def test_the_headers_of_a_login_count_unless_the_file_has_them_too(tmp_path):
    context = context_of(tmp_path, URL, '{ kind = "browser" }', more='headers = { "X-Org" = "42" }')
    context.config.path.write_text("")
    log_in(context, "acme", headers={"X-Org": Secret("canary"), "X-Team": Secret("canary")})
    evidence = Evidence(Subject(context, Bridge(context.config.profiles["acme"], context)))
    assert places(evidence)[1] == ("headers.X-Team: kept with the login",)


def test_a_file_that_was_removed_meanwhile_has_no_lines(tmp_path):
    assert places(evidence_of(tmp_path, URL))[1] == ()


def test_without_a_server_there_are_no_settings(paths):
    assert anyio.run(settings, Evidence(Subject(loaded(paths)))).outcome is Outcome.SKIP
