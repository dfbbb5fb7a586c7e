"""The command of an entry names the variables that its server needs, and no secret."""

from commanding import context_of

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.start_command import start_command
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.shell.files.paths import HOME_VARIABLE

URL = "https://mcp.acme.example/mcp"


def started(folder, auth, more="", environ=None):
    context = context_of(folder, URL, auth, environ, more)
    return start_command(Bridge(context.config.choose(ServerChoice("acme")), context))


def test_the_variables_of_headers_credentials_and_commands_are_needed(tmp_path):
    auth = '{ kind = "bearer", token = "env:ACME_TOKEN" }'
    more = 'headers = { "X-A" = "a${ACME_A}b", "X-B" = "text", "X-C" = "file:/x" }\npass_environment = ["OP_TOKEN"]\n'
    start = started(tmp_path, auth, more)
    assert start.needs == ("ACME_A", "ACME_TOKEN", "OP_TOKEN")
    assert start.argv[-2:] == ("run", "acme")


def test_a_home_of_its_own_is_a_variable_of_the_entry(tmp_path):
    start = started(tmp_path, '{ kind = "headers", headers = { "X-K" = "env:K" } }', environ={HOME_VARIABLE: "/b"})
    assert start.env == {HOME_VARIABLE: "/b"}
    assert start.needs == ("K",)
