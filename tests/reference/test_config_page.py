"""docs/configuration.md is generated, and explains every key."""

from config_documents import documents

from mcp_auth_bridge.reference.config_page import config_page


def test_the_documents_are_the_output_of_their_script():
    for path, text in documents().items():
        assert path.read_text() == text, "uv run python tests/support/config_documents.py"


def test_a_row_names_type_default_unit_and_example():
    page = config_page()
    assert (
        "| `connect_timeout` | number | `10.0` | The limit for name, TCP, proxy and TLS together. In seconds." in page
    )
    assert "| `url` | text | required | The URL of the MCP endpoint: https, or http on this machine. |" in page
    assert '| none | The secret of that client. A reference. | `"env:ACME_CLIENT_SECRET"` |' in page
    assert "| `browser_command` | list or text | none |" in page
    assert "| `ipv4_only` | true or false | `false` |" in page
    assert "| `cookies` | one of `affinity`, `auto`, `off` | `auto` |" in page


def test_a_kind_refers_to_another_one_for_the_keys_that_they_share():
    page = config_page()
    device = page.partition('kind = "device"')[2].partition("###")[0]
    assert "The keys of `browser`, but not `authorize_params`, `callback_port`," in device
    assert "|" not in device
    exchange = page.partition('kind = "token_exchange"')[2].partition("###")[0]
    assert "The keys of `client_credentials`, and:" in exchange
    assert "| `subject_token` |" in exchange
    assert "| `scopes` |" not in exchange
