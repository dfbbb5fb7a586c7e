"""A login that is imported: what it replaces, and what is refused in which words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving import ISSUER, Machine, refusal

from mcp_auth_bridge.commands import key
from mcp_auth_bridge.errors import ConfigError, StoreError
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.stores import login_export


def test_a_login_that_is_there_is_replaced_only_on_request(server, exported):
    server.log_in(refresh=Secret("canary-old"), client=Client(issuer=ISSUER, id="c"))
    assert refusal(server.take, exported) == (ConfigError, "acme is signed in already as mia@acme.example")
    assert server.login().refresh == Secret("canary-old")
    assert server.take(exported, replace=True) == 0
    assert server.login().refresh == Secret("canary-refresh")


def test_a_login_that_has_ended_makes_way_by_itself(server, exported):
    server.log_in(ended="invalid_grant")
    assert server.take(exported) == 0
    assert server.login().ended == ""


def test_another_passphrase_and_another_machine_are_told_apart(desk, server, exported, file, tmp_path):
    wrong = (StoreError, "the passphrase does not open the exported login")
    assert refusal(server.take, exported, source="env:OTHER") == wrong
    desk.log_in()
    server.run(key.run(key.Input(), server.context))
    line = login_export.recipient_line(key.load_machine_key(server.store))
    sealed = tmp_path / "for-server"
    desk.export(sealed, recipient=line)
    third = Machine(tmp_path / "third")
    assert (
        refusal(third.take, sealed)[1]
        == "the exported login is sealed to the key of a machine, and this machine has no key"
    )
    third.run(key.run(key.Input(), third.context))
    assert refusal(third.take, sealed)[1] == "the exported login is sealed to the key of another machine"
    assert third.login() is None
    assert server.take(sealed) == 0


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_file_that_is_not_an_exported_login_changes_nothing(tmp_path_factory, draw):
    folder = tmp_path_factory.mktemp("machine")
    machine, file = Machine(folder / "home"), folder / "file"
    file.write_bytes(draw.draw(st.binary()))
    assert refusal(machine.take, file)[0] is StoreError
    assert machine.login() is None
    assert refusal(machine.take, folder / "nowhere") == (ConfigError, f"{folder / 'nowhere'} does not exist")


def test_a_login_of_another_server_is_refused(server, exported):
    server.serve("files", "https://files.example/mcp")
    kind, sentence = refusal(server.take, exported, name="files")
    assert (kind, sentence) == (
        ConfigError,
        "the exported login is for “https://acme.example/mcp”, and files is https://files.example/mcp",
    )


def test_a_login_whose_name_is_taken_here_goes_to_that_name(server, exported):
    server.serve("work")
    assert refusal(server.take, exported, name="work") == (
        ConfigError,
        "the exported login is that of acme, not of work",
    )


def test_a_login_may_get_another_name(tmp_path, exported):
    server = Machine(tmp_path / "server")
    server.text = server.text.replace("[servers.acme]", "[servers.files]")
    assert server.take(exported, name="files") == 0
    assert server.login("files").account == "mia@acme.example"


def test_a_login_of_another_account_is_refused(server, exported):
    server.text = server.text.replace("{ kind = 'browser' }", "{ kind = 'browser', account = 'ben@acme.example' }")
    assert refusal(server.take, exported) == (
        ConfigError,
        "the exported login is of “mia@acme.example”, and acme expects “ben@acme.example”",
    )
    assert server.login() is None


@pytest.mark.parametrize("value", ["command:touch {}/ran", "file:{}/config.toml", "env:OTHER", "keyring:entry"])
def test_a_file_does_not_decide_what_is_read_or_run_here(desk, server, file, value, tmp_path):
    desk.log_in(headers={"X-Acme-Org": Secret(value.format(tmp_path))})
    desk.export(file)
    kind, message = refusal(server.take, file)
    assert kind is ConfigError
    assert "the exported login wants the header X-Acme-Org from the " in message
    assert server.login() is None
    assert not (tmp_path / "ran").exists()


def test_an_exported_header_is_left_out_where_the_configuration_has_its_own(desk, server, file):
    desk.log_in(headers={"X-Acme-Org": Secret("env:ORG"), "X-Acme-Team": Secret("canary-7")})
    desk.export(file)
    server.text += "headers = { x-acme-org = '42' }\n"
    server.take(file)
    assert server.login().headers == {"X-Acme-Team": Secret("canary-7")}


@pytest.mark.parametrize("name", ["Host", "Authorization", "Mcp-Session-Id", "X: y\r\nZ"])
def test_an_exported_login_cannot_bring_a_header_that_a_user_could_not_give(desk, server, file, name):
    desk.log_in(headers={name: Secret("canary")})
    desk.export(file)
    assert refusal(server.take, file)[0] is ConfigError
    assert server.login() is None
