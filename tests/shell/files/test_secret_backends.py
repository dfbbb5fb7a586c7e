"""What stands behind secret references: programs with few variables, and the OS keyring, which may block."""

import asyncio
import os
import sys

import pytest

from mcp_auth_bridge.errors import CredentialMissing
from mcp_auth_bridge.secret import Secret, parse_reference
from mcp_auth_bridge.shell.files import secret_backends
from mcp_auth_bridge.stores import os_keyring

PRINT = f"command:{sys.executable} -c 'import os; print(sorted(os.environ))'"


@pytest.fixture
def keyring(monkeypatch):
    """The OS keyring as a dictionary."""
    kept = {}
    monkeypatch.setattr(os_keyring, "load_entry", kept.get)
    monkeypatch.setattr(os_keyring, "save_entry", kept.__setitem__)
    return kept


def read(text, environ, passed=()):
    return asyncio.run(
        secret_backends.secret_sources(environ, passed).read(parse_reference(text, "it"), "the token")
    ).reveal()


def test_a_command_gets_the_variables_by_which_programs_find_their_data_and_those_that_are_passed():
    environ = {"PATH": os.environ["PATH"], "HOME": "/home/mia", "OP_TOKEN": "1", "OTHER": "2"}
    assert "OTHER" not in read(PRINT, environ)
    assert "OP_TOKEN" not in read(PRINT, environ)
    assert "'HOME'" in read(PRINT, environ)
    assert "'OP_TOKEN'" in read(PRINT, environ, ["op_token"])


def test_the_sealing_keys_command_runs_in_a_thread_without_a_loop(monkeypatch):
    monkeypatch.setenv("CANARY", "1")
    printed = secret_backends.read_key_command([sys.executable, "-c", "import os; print('CANARY' in os.environ)"])
    assert printed == b"False\n"
    with pytest.raises(CredentialMissing):
        secret_backends.read_key_command([sys.executable, "-c", "raise SystemExit(1)"])


def test_a_secret_that_is_kept_in_the_keyring_is_read_by_its_name(keyring):
    asyncio.run(secret_backends.put_in_keyring("acme", Secret("hunter2")))
    assert keyring == {"acme": "hunter2"}
    assert read("keyring:acme", {}) == "hunter2"
    with pytest.raises(CredentialMissing, match="is not there"):
        read("keyring:other", {})


def test_one_look_runs_each_command_and_asks_for_each_entry_once(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(os_keyring, "look_entry", lambda name: asked.append(name) or "hunter2")
    count = f'command:{sys.executable} -c \'import sys; print(open(sys.argv[1], "a+").write("x"))\' {tmp_path / "runs"}'

    async def story():
        sources = secret_backends.sources_of_a_look({"PATH": os.environ["PATH"]}, (), 20.0)

        async def read(text):
            return (await sources.read(parse_reference(text, "it"), "the token")).reveal()

        return await asyncio.gather(*map(read, [count, count, "keyring:acme", "keyring:acme"]))

    assert asyncio.run(story()) == ["1", "1", "hunter2", "hunter2"]
    assert (asked, (tmp_path / "runs").read_text()) == (["acme"], "x")


def test_one_look_waits_for_a_command_as_long_as_it_is_told():
    async def story():
        sources = secret_backends.sources_of_a_look({"PATH": os.environ["PATH"]}, (), 0.1)
        await sources.read(parse_reference("command:sleep 60", "it"), "the token")

    with pytest.raises(CredentialMissing, match=r"did not end within 0\.1 seconds"):
        asyncio.run(story())


def test_secrets_and_the_sealing_key_are_forgotten(keyring, monkeypatch):
    monkeypatch.setattr(os_keyring, "delete_entry", keyring.pop)
    keyring |= {"a": "1", "b": "2", "sealing key": "3"}
    asyncio.run(secret_backends.forget_in_keyring(["a"], sealing_key=False))
    assert set(keyring) == {"b", "sealing key"}
    asyncio.run(secret_backends.forget_in_keyring([], sealing_key=True))
    assert set(keyring) == {"b"}
