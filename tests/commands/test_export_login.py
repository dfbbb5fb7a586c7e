"""A login that is exported: where it is after each step, what is refused in which words, and what stays secret."""

import os

import pytest
from moving import PASSPHRASE, URL, refusal

from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.commands import export_login, export_passphrase, key
from mcp_auth_bridge.config.redis import RedisStoreSettings
from mcp_auth_bridge.errors import ConfigError, LoginRequired, StoreError
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.stores.file_io import Exists

# The move


def test_a_login_moves_whole_and_is_nowhere_else(desk, server, file, said):
    session = desk.log_in()
    assert desk.export(file) == 0
    assert said() == [
        f"moved the login to acme into {file}, sealed with the passphrase; it is gone from this machine",
        f"on the other machine: mcp-auth-bridge login acme --import {file}",
    ]
    assert (desk.login(), desk.client, desk.store.keys()) == (None, None, [])
    assert server.take(file) == 0
    lines = said()
    assert lines[0] == "signed in to acme as mia@acme.example"
    assert lines[-1] == f"delete {file}: its tokens are spent once this login has been refreshed"
    assert (server.login(), server.client) == (session, session.client)


def test_out_of_a_store_that_machines_share_it_is_gone_for_all_of_them(desk):
    shared = RedisStoreSettings(url="rediss://redis.example:6379/0", key_file="/key")
    reach = StoreAccess(shared, desk.paths).reach
    assert reach == "from the Redis server redis.example:6379, for every machine"


def test_the_file_is_private_and_tells_nothing(desk, file):
    desk.log_in()
    before = os.umask(0)
    try:
        desk.export(file)
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"canary" not in file.read_bytes()


def test_a_login_moves_to_a_machine_that_printed_its_key(desk, server, file, capsys):
    session = desk.log_in()
    assert server.run(key.run(key.Input(), server.context)) == 0
    line = capsys.readouterr().out.strip()
    desk.export(file, recipient=line)
    assert server.take(file, source="") == 0
    assert server.login() == session
    server.run(key.run(key.Input(), server.context))
    assert capsys.readouterr().out.splitlines()[-1] == line


def test_a_copy_leaves_the_login_and_says_what_that_risks(desk, server, file, said):
    session = desk.log_in()
    desk.export(file, copy=True)
    assert any("only one of the two can be refreshed" in line for line in said())
    assert (desk.login(), desk.client.id) == (session, session.client.id)
    server.take(file)
    assert server.login().refresh == session.refresh


# What an export refuses


def test_without_a_login_there_is_nothing_to_export(desk, file):
    assert refusal(desk.export, file) == (LoginRequired, "there is no login to acme here")
    desk.log_in(ended="invalid_grant")
    assert refusal(desk.export, file) == (LoginRequired, "the login to acme has ended")
    assert not file.exists()


def test_a_login_that_is_over_is_neither_exported_nor_imported_nor_in_the_way(desk, server, file, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(export_login.time, "time", lambda: now)
    desk.log_in(refresh=None, expires_at=1500.0)
    server.log_in(refresh=None, expires_at=900.0)
    desk.export(file, copy=True)
    now = 2000.0
    expired = "has expired, and has no refresh token"
    assert refusal(desk.export, file.with_name("again")) == (LoginRequired, f"the login to acme {expired}")
    assert refusal(server.take, file) == (LoginRequired, f"the exported login {expired}")
    now = 1000.0
    assert server.take(file) == 0


def test_nothing_is_ever_overwritten(desk, file, tmp_path):
    session = desk.log_in()
    file.write_text("mine")
    assert refusal(desk.export, file) == (ConfigError, f"{file} exists already, and is not overwritten")
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    assert refusal(desk.export, file) == (ConfigError, f"{file} exists already, and is not overwritten")
    assert not (tmp_path / "elsewhere").exists()
    assert desk.login() == session


def test_a_file_that_appears_while_a_passphrase_is_chosen_is_not_overwritten_either(desk, file, monkeypatch):
    session = desk.log_in()

    async def meanwhile(*_):
        file.write_text("somebody's")
        return Secret(PASSPHRASE)

    monkeypatch.setattr(export_passphrase, "choose_passphrase", meanwhile)
    assert refusal(desk.export, file) == (Exists, f"{file} exists already, and is not overwritten")
    assert (file.read_text(), desk.login()) == ("somebody's", session)


def test_a_file_that_cannot_be_written_costs_no_login(desk, tmp_path):
    session = desk.log_in()
    nowhere = tmp_path / "nowhere"
    assert refusal(desk.export, nowhere / "f") == (ConfigError, f"there is no folder {nowhere}")
    assert refusal(desk.export, "-")[0] is ConfigError
    assert desk.login() == session


def test_a_disk_that_is_full_costs_no_login_and_leaves_no_file(desk, file, monkeypatch):
    session = desk.log_in()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("mcp_auth_bridge.stores.file_io.fill", full)
        assert refusal(desk.export, file) == (StoreError, f"there is no space left to write {file}")
    assert (desk.login(), file.exists()) == (session, False)


def test_a_login_that_cannot_be_deleted_is_said_to_be_in_two_places(desk, file, said, monkeypatch):
    session = desk.log_in()

    def stuck(*_):
        raise StoreError("the disk is stuck", "look at it")

    with monkeypatch.context() as patch:
        patch.setattr("mcp_auth_bridge.stores.sealed.SealedStore.delete", stuck)
        assert refusal(desk.export, file) == (StoreError, "the disk is stuck")
    assert said() == [f"{file} holds the login to acme, but the login is still here too"]
    assert (desk.login(), file.exists()) == (session, True)


def test_a_login_made_in_that_moment_stays(desk, file, monkeypatch):
    desk.log_in()
    create = export_login.create_file

    def and_log_in(path, data):
        create(path, data)
        record = desk.store.load(f"session acme {URL}")
        desk.store.save(f"session acme {URL}", record.secret.replace("canary-refresh", "newer"), record.generation)

    monkeypatch.setattr(export_login, "create_file", and_log_in)
    kind, sentence = refusal(desk.export, file)
    assert (kind, "another process has just logged in to acme" in sentence) == (StoreError, True)
    assert desk.login().refresh == Secret("newer")


def test_a_mistyped_key_of_a_machine_costs_no_login(desk, file):
    session = desk.log_in()
    assert refusal(desk.export, file, recipient="mab1-abc") == (
        StoreError,
        "--recipient is not the public key of a machine",
    )
    assert (desk.login(), file.exists()) == (session, False)


@pytest.mark.parametrize("auth", ["{ kind = 'bearer', token = 'env:T' }", "{ kind = 'none' }"])
def test_credentials_of_the_configuration_do_not_move(desk, file, auth):
    desk.serve("tickets", auth=auth)
    for move in (desk.export, desk.take):
        assert refusal(move, file, name="tickets")[1].startswith("tickets uses credentials from its configuration")


def test_a_store_that_forgets_neither_gives_nor_takes_nor_has_a_key(desk, file):
    desk.text = "[store]\nkind = 'memory'\n" + desk.text.partition("\n[servers")[2].join(["[servers", ""])
    for move in (desk.export, desk.take):
        assert "memory" in refusal(move, file)[1]
    assert "memory" in refusal(desk.run, key.run(key.Input(), desk.context))[1]
