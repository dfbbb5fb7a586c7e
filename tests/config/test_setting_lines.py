"""The line of each setting of one server."""

import pytest

from mcp_auth_bridge.config.setting_lines import setting_lines

TEXT = """\
store = { kind = "memory" }

[servers.acme]
url = "https://mcp.acme.example/mcp"
headers = { "X-Acme-Org" = "42", X-Other = "env:OTHER" }
pass_environment = [
    "A",
]

[servers.acme.network]

[servers.acme.auth]
kind = "browser"
"""


def test_each_setting_has_the_line_of_the_statement_that_makes_it():
    assert setting_lines(TEXT, "acme") == {
        "url": 4,
        "headers.X-Acme-Org": 5,
        "headers.X-Other": 5,
        "pass_environment": 6,
        "network": 10,
        "auth.kind": 13,
    }


@pytest.mark.parametrize("text", ["", "[servers", "servers = 7", "[servers]\nacme = 7", "[servers.other]\nurl = ''"])
def test_without_a_table_of_the_server_there_are_no_lines(text):
    assert setting_lines(text, "acme") == {}
