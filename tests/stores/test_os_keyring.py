"""The sealing key in the OS keyring: a real GNOME Keyring on a D-Bus session of its own, and Windows' played."""

import base64
import importlib
import os
import socket
import subprocess
import sys
import textwrap
import types

import pytest
from peers.keyring_session import keyring_session
from sealing_keys import created_by

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores import os_keyring
from mcp_auth_bridge.stores.os_keyring import USER, KeyringKey, delete_entry

KEY = bytes(range(32))


KEYRING = """
    import os, sys
    from pathlib import Path
    from mcp_auth_bridge.errors import StoreError
    from mcp_auth_bridge.stores import os_keyring
    source = os_keyring.KeyringKey()
    if len(sys.argv) > 2:
        os_keyring._RUNTIME = Path(sys.argv[2])
    try:
        if sys.argv[1] == "create":
            source.create(bytes(range(32)))
        key = source.look() if sys.argv[1] == "look" else source.load()
        print(key and key.hex())
    except StoreError as error:
        print(error.message, error.hint, sep="\\n")
"""


def keyring(environment, *arguments):
    argv = [sys.executable, "-c", textwrap.dedent(KEYRING), *map(str, arguments)]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.fixture
def session():
    with keyring_session() as session:
        yield session


def test_the_keyring_keeps_the_key_for_the_next_process(session):
    assert keyring(session.environment, "load") == ["None"]
    assert keyring(session.environment, "create") == [KEY.hex()]
    assert keyring(session.environment, "load") == [KEY.hex()]


def test_processes_that_create_a_keyring_entry_at_once_end_with_one_key(session, tmp_path):
    found = created_by(4, tmp_path, "keyring", session.environment)
    assert set(found) == set(keyring(session.environment, "load"))


def expect(said, sentence, *words):
    message, hint = said
    assert message == sentence
    for word in (*words, "config.toml", "key_file", "key_command", "memory", "insecure_file"):
        assert word in hint


def test_a_locked_keyring_is_told_from_a_missing_one(session):
    keyring(session.environment, "create")
    session.lock()
    expect(keyring(session.environment, "load"), "the OS keyring (Secret Service) is locked", "unlock it")


def test_a_keyring_prompt_without_an_answer_is_explained():
    with keyring_session(collection=False) as session:
        sentence = "the OS keyring (Secret Service) asked to be unlocked or set up, and its prompt was not answered"
        expect(keyring(session.environment, "load"), sentence, "unlock it")


def test_a_look_reads_the_key_of_an_open_keyring(session):
    assert keyring(session.environment, "look") == ["None"]
    keyring(session.environment, "create")
    assert keyring(session.environment, "look") == [KEY.hex()]


def test_a_look_at_a_keyring_that_is_locked_or_not_set_up_asks_no_user(session):
    session.lock()
    expect(keyring(session.environment, "look"), "the OS keyring (Secret Service) is locked", "unlock it")
    with keyring_session(collection=False) as other:
        sentence = "the OS keyring (Secret Service) holds no keyring yet, and asks the user to set one up"
        expect(keyring(other.environment, "look"), sentence)


def test_a_look_at_a_keyring_that_was_killed_says_so(session):
    session.kill_keyring()
    expect(keyring(session.environment, "look"), NO_KEYRING)


NO_KEYRING = "the OS keyring (Secret Service) does not answer"


def test_a_keyring_that_was_killed_is_explained(session):
    session.kill_keyring()
    expect(keyring(session.environment, "load"), NO_KEYRING)


def test_a_bus_that_was_killed_is_explained(session):
    session.kill_bus()
    expect(keyring(session.environment, "create"), NO_KEYRING)


def test_without_a_session_bus_there_is_no_keyring(session, tmp_path):
    del session.environment["DBUS_SESSION_BUS_ADDRESS"]
    expect(keyring(session.environment, "load", tmp_path), NO_KEYRING)


@pytest.mark.parametrize("address", ["", "nonsense", "tcp:host=127.0.0.1,port=1", "unix:path=/nonexistent"])
def test_a_bus_address_that_leads_nowhere_is_explained(address):
    message, hint = keyring({"DBUS_SESSION_BUS_ADDRESS": address}, "load")
    assert message == NO_KEYRING
    assert "key_file" in hint


def test_the_bus_of_the_login_session_is_found_without_the_variable(session, tmp_path):
    (tmp_path / str(os.getuid())).mkdir()
    address = session.environment.pop("DBUS_SESSION_BUS_ADDRESS")
    (tmp_path / str(os.getuid()) / "bus").symlink_to(address.removeprefix("unix:path="))
    assert keyring(session.environment, "create", tmp_path) == [KEY.hex()]


def test_no_environment_variable_chooses_another_backend(session):
    session.environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    assert keyring(session.environment, "create") == [KEY.hex()]
    del session.environment["PYTHON_KEYRING_BACKEND"]
    assert keyring(session.environment, "load") == [KEY.hex()]


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_each_platform_has_its_backend_in_the_installed_keyring(monkeypatch, platform):
    monkeypatch.setattr(sys, "platform", platform)
    backend = os_keyring._BACKENDS[platform]
    assert backend.words in KeyringKey().describe()
    monkeypatch.undo()
    assert hasattr(importlib.import_module(backend.module), backend.name)


class FakeVault:
    """Stands for keyring's Windows class: an attribute and two methods."""

    persist = "enterprise"
    kept = None

    def get_password(self, service, user):
        assert (service, user) == ("mcp-auth-bridge", "sealing key")
        return self.kept

    def set_password(self, service, user, text):
        assert (service, user) == ("mcp-auth-bridge", "sealing key")
        self.kept = text

    def delete_password(self, service, user):
        assert (service, user) == ("mcp-auth-bridge", "sealing key")
        self.kept = None


@pytest.fixture
def vault(monkeypatch):
    """A `KeyringKey` as on Windows, before a vault that the test can change."""
    vault = FakeVault()
    module = types.SimpleNamespace(WinVaultKeyring=lambda: vault)
    monkeypatch.setitem(sys.modules, "keyring.backends.Windows", module)
    monkeypatch.setattr(sys, "platform", "win32")
    return vault


def test_on_windows_the_key_stays_on_this_machine(vault):
    source = KeyringKey()
    assert source.load() is None
    source.create(KEY)
    assert source.load() == KEY
    assert vault.persist == "local machine"


def test_the_key_is_deleted_if_there_is_one(vault):
    delete_entry(USER)
    KeyringKey().create(KEY)
    delete_entry(USER)
    assert KeyringKey().load() is None


def test_an_entry_of_the_keyring_that_is_no_key_is_refused_without_showing_it(vault):
    vault.kept = "canary"
    with pytest.raises(StoreError, match="does not hold 32 bytes") as refusal:
        KeyringKey().load()
    assert "canary" not in refusal.value.message + refusal.value.hint


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (
            NameError("name 'win32cred' is not defined"),
            "the library for the OS keyring (Windows Credential Manager) is missing",
        ),
        (ImportError("canary"), "the library for the OS keyring (Windows Credential Manager) is missing"),
        (ValueError("canary"), "the OS keyring (Windows Credential Manager) failed with ValueError"),
    ],
)
def test_a_failure_of_the_keyring_is_told_by_its_kind_and_not_in_its_words(vault, failure, sentence):
    def fail(*_):
        raise failure

    vault.get_password = vault.set_password = fail
    for attempt in (KeyringKey().load, lambda: KeyringKey().create(KEY)):
        with pytest.raises(StoreError) as refusal:
            attempt()
        assert refusal.value.message == sentence


class KeyringLocked(Exception):
    """Named as keyring.errors has it."""


class PromptDismissedException(Exception):
    """Named as secretstorage has it."""


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (KeyringLocked(), "is locked"),
        (PromptDismissedException(), "its prompt was not answered"),
        (OSError("canary"), "does not answer"),
        (StoreError("another error"), "another error"),
    ],
)
def test_the_kinds_of_failure_are_told_apart_by_the_names_of_their_exceptions(vault, failure, words):
    def fail(*_):
        raise failure

    vault.get_password = fail
    with pytest.raises(StoreError, match=words):
        KeyringKey().load()


def test_secrets_have_entries_of_their_own_and_the_sealing_key_is_none_of_them(vault):
    kept = {}
    vault.get_password = lambda service, name: kept.get((service, name))
    vault.set_password = lambda service, name, secret: kept.update({(service, name): secret})
    assert os_keyring.load_entry("token") is None
    os_keyring.save_entry("token", "hunter2")
    assert os_keyring.load_entry("token") == "hunter2"
    assert kept == {("mcp-auth-bridge", "token"): "hunter2"}
    for use in (os_keyring.load_entry, lambda name: os_keyring.save_entry(name, "x")):
        with pytest.raises(StoreError, match="cannot be used as a secret"):
            use("Sealing Key")


def test_the_session_bus_is_named_where_systemd_has_it_and_only_there(monkeypatch, tmp_path):
    bus = tmp_path / str(os.getuid()) / "bus"
    monkeypatch.setattr(os_keyring, "_RUNTIME", tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setitem(sys.modules, "secretstorage", FakeSecretService())
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    assert KeyringKey().load() is None
    assert "DBUS_SESSION_BUS_ADDRESS" not in os.environ
    bus.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(bus.parent)  # a path of a socket has 107 bytes at most
        listening.bind("bus")
        assert KeyringKey().load() is None
    assert os.environ["DBUS_SESSION_BUS_ADDRESS"] == f"unix:path={bus}"


def test_a_reference_to_a_keyring_that_is_not_there_names_other_references(monkeypatch):
    monkeypatch.setattr(sys, "platform", "freebsd14")
    with pytest.raises(StoreError) as refusal:
        os_keyring.load_entry("token")
    assert refusal.value.hint == "write env:NAME, file:PATH or command:PROGRAM in place of keyring:NAME"


def test_a_platform_without_a_keyring_is_named(monkeypatch):
    monkeypatch.setattr(sys, "platform", "freebsd14")
    assert KeyringKey().describe() == "the OS keyring"
    with pytest.raises(StoreError, match="platform freebsd14") as refusal:
        KeyringKey().load()
    assert "key_file" in refusal.value.hint


class ItemNotFoundException(Exception):
    """Named as secretstorage has it."""


class LockedException(Exception):
    """Named as secretstorage has it."""


class Place:
    """A collection or an item. A user unlocks what is `locked`, or does `not` (`refuses`)."""

    def __init__(self):
        self.locked = self.refuses = False
        self.unlocked = 0

    def is_locked(self):
        return self.locked

    def unlock(self):
        self.unlocked += 1
        self.locked = self.refuses


class FakeSecretService:
    """Stands for the library secretstorage, with the secret `hunter2` for the user `token`."""

    ItemNotFoundException = ItemNotFoundException
    LockedException = LockedException

    def __init__(self):
        self.collection, self.item = Place(), Place()
        self.collection.search_items = self.found
        self.item.get_secret = lambda: b"hunter2"
        self.closed = 0

    def dbus_init(self):
        return self

    def close(self):
        self.closed += 1

    def Collection(self, bus):  # noqa: N802 - the library's
        if self.collection is None:
            raise ItemNotFoundException
        return self.collection

    get_default_collection = Collection

    def found(self, attributes):
        assert attributes.pop("service") == "mcp-auth-bridge"
        return iter([self.item] if attributes == {"username": "token"} else [])


@pytest.fixture
def secret_service(monkeypatch):
    service = FakeSecretService()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os_keyring, "_find_session_bus", lambda: None)
    monkeypatch.setitem(sys.modules, "secretstorage", service)
    return service


def test_a_look_at_an_entry_fails_where_a_read_would_ask_the_user(secret_service):
    assert os_keyring.look_entry("token") == "hunter2"
    assert KeyringKey().look() is None
    secret_service.collection.locked = True
    with pytest.raises(StoreError, match="is locked"):
        os_keyring.look_entry("token")
    assert secret_service.collection.unlocked == 0
    secret_service.collection = None
    with pytest.raises(StoreError, match="holds no keyring yet"):
        os_keyring.look_entry("token")
    assert secret_service.closed == 6


def test_an_entry_is_written_by_keyring(secret_service, monkeypatch):
    vault = FakeVault()
    monkeypatch.setitem(sys.modules, "keyring.backends.SecretService", types.SimpleNamespace(Keyring=lambda: vault))
    KeyringKey().create(KEY)
    assert base64.b64decode(vault.kept) == KEY


@pytest.mark.parametrize("place", ["collection", "item"])
def test_a_read_lets_the_user_unlock_what_is_locked(secret_service, place):
    locked = getattr(secret_service, place)
    locked.locked = True
    assert os_keyring.load_entry("token") == "hunter2"
    assert locked.unlocked == 1
    locked.locked = locked.refuses = True
    with pytest.raises(StoreError, match="is locked"):
        os_keyring.load_entry("token")
    assert secret_service.closed == 2


def test_on_linux_a_read_needs_no_keyring_and_finds_what_keyring_has_written(session):
    code = """
import sys
from mcp_auth_bridge.stores import os_keyring
print(os_keyring.load_entry("token"), "keyring" in sys.modules)
os_keyring.save_entry("token", "hunter2")
os_keyring.save_entry("other", "other")
print(os_keyring.load_entry("token"), "keyring" in sys.modules)
os_keyring.delete_entry("token")
print(os_keyring.load_entry("token"), os_keyring.load_entry("other"))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=session.environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["None", "False", "hunter2", "True", "None", "other"]


def test_a_look_elsewhere_is_a_read(vault):
    assert KeyringKey().look() is None
    vault.kept = "canary"
    with pytest.raises(StoreError, match="does not hold 32 bytes"):
        KeyringKey().look()
