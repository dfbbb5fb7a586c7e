"""The facts of the subject, which each rule of the verdict may quote."""

from commanding import context_of

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.doctor.subject import Subject


def test_without_a_server_only_the_command_is_known():
    assert Subject(None).facts == {"doctor": "mcp-auth-bridge doctor"}


def test_a_server_has_its_name_its_url_and_the_commands_for_it(tmp_path):
    context = context_of(tmp_path, "https://mcp.acme.example/mcp?org=4", '{ kind = "browser" }')
    facts = Subject(context, Bridge(context.config.profiles["acme"], context)).facts
    assert (facts["server"], facts["origin"]) == ("acme", "https://mcp.acme.example")
    assert facts["url"] == "https://mcp.acme.example/mcp?org=4"
    assert facts["login"].startswith("mcp-auth-bridge login acme")
    assert facts["doctor"].startswith("mcp-auth-bridge doctor acme")
