"""The places of the sealing key: files and commands, and how it is created once."""

import asyncio
import base64
import errno
import json
import os
import re
import stat
import sys
from pathlib import Path

import pytest
from sealing_keys import created_by

from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.config.config_file import load
from mcp_auth_bridge.config.store import KeyCommandStoreSettings, KeyFileStoreSettings
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.files import secret_backends
from mcp_auth_bridge.shell.files.lock import Locks
from mcp_auth_bridge.shell.files.paths import paths_below
from mcp_auth_bridge.shell.files.secret_backends import read_key_command
from mcp_auth_bridge.stores import keys
from mcp_auth_bridge.stores.keys import InsecureKeyFile, KeyCommand, KeyFile, sealing_key
from mcp_auth_bridge.stores.sealed import SealedStore

KEY = bytes(range(32))
TEXT = base64.b64encode(KEY)


def key_file(path, content=TEXT, mode=0o600):
    path.write_bytes(content)
    path.chmod(mode)
    return KeyFile(path)


# The one function


class Place:
    """A source in memory; `kept` is what it holds."""

    def __init__(self, kept=None, *, forgetful=False):
        self.kept, self.forgetful, self.loads = kept, forgetful, 0

    def load(self):
        self.loads += 1
        return self.kept

    def create(self, key):
        self.kept = None if self.forgetful else key

    def describe(self):
        return "the place"


def ask(source, folder):
    return sealing_key(source, lambda size: b"n" * size, Locks(folder / "locks").mutex, folder / "records")


def test_a_key_that_exists_is_used_and_no_lock_is_taken(tmp_path):
    place = Place(KEY)
    assert ask(place, tmp_path) == KEY
    assert place.loads == 1
    assert list(tmp_path.iterdir()) == []


def test_the_first_use_creates_the_key(tmp_path):
    place = Place()
    assert ask(place, tmp_path) == place.kept == b"n" * 32


def test_a_key_that_appeared_in_the_meantime_is_used(tmp_path):
    place = Place()
    place.load = iter([None, KEY]).__next__
    assert ask(place, tmp_path) == KEY
    assert place.kept is None


def test_a_place_that_does_not_keep_the_key_is_refused_before_anything_is_sealed(tmp_path):
    with pytest.raises(StoreError, match="did not keep it"):
        ask(Place(forgetful=True), tmp_path)


def test_a_look_at_a_file_or_a_command_is_a_read(tmp_path):
    assert KeyFile(tmp_path / "missing").look() is None
    assert key_file(tmp_path / "key").look() == KEY
    assert KeyCommand(["op"], lambda argv: TEXT).look() == KEY


def test_a_lost_key_is_never_replaced_while_records_need_it(tmp_path):
    store = SealedStore(tmp_path / "records", lambda: KEY, os.urandom, Locks(tmp_path / "locks").mutex)
    generation = store.save("a", "x", None)
    place = Place()
    with pytest.raises(StoreError, match="missing from the place") as refusal:
        ask(place, tmp_path)
    assert place.kept is None
    assert "restore the key" in refusal.value.hint
    store.delete("a", generation)
    assert ask(place, tmp_path) == place.kept


def test_processes_that_create_a_key_file_at_once_end_with_one_key(tmp_path):
    found = created_by(6, tmp_path, "file")
    assert set(found) == {KeyFile(tmp_path / "key").load().hex()}


# Key files


@pytest.mark.parametrize("content", [TEXT, TEXT + b"\n", b"  " + TEXT + b"\r\n", KEY])
def test_a_key_file_holds_base64_or_the_raw_bytes(tmp_path, content):
    assert key_file(tmp_path / "key", content).load() == KEY


@pytest.mark.parametrize("content", [b"", b"short", KEY + b"\n", TEXT[:-4], TEXT * 2, b"\xff" * 44, TEXT[:20] + b"\n"])
def test_a_key_file_with_anything_else_is_refused_without_showing_it(tmp_path, content):
    with pytest.raises(StoreError, match="does not hold 32 bytes in base64") as refusal:
        key_file(tmp_path / "key", content).load()
    assert refusal.value.hint == "make one with: openssl rand -base64 32"
    assert not content.strip() or repr(content.strip())[2:-1] not in str(refusal.value)


def test_a_key_file_that_is_not_there_is_no_key_yet(tmp_path):
    assert KeyFile(tmp_path / "nowhere" / "key").load() is None


ME = os.geteuid() or 1000


@pytest.mark.parametrize(
    ("owner", "mode", "accepted"),
    [
        (ME, 0o600, True),
        (ME, 0o400, True),
        (ME, 0o440, False),
        (ME, 0o604, False),
        (ME, 0o620, False),
        (0, 0o400, True),
        (0, 0o440, True),  # Kubernetes with fsGroup, systemd with an access list
        (0, 0o444, False),
        (0, 0o460, False),
        (ME + 1, 0o400, False),
    ],
)
def test_a_key_file_is_ours_or_roots_and_closed_to_others(monkeypatch, owner, mode, accepted):
    monkeypatch.setattr(os, "geteuid", lambda: ME)
    status = os.stat_result((stat.S_IFREG | mode, 0, 0, 1, owner, 0, 32, 0, 0, 0))
    if accepted:
        keys._check_key_file(status, Path("key"))
        return
    with pytest.raises(StoreError, match=r"belongs to another|open to other"):
        keys._check_key_file(status, Path("key"))


def test_a_key_file_open_to_others_is_refused_when_it_is_read(tmp_path):
    with pytest.raises(StoreError, match="open to other users"):
        key_file(tmp_path / "key", mode=0o644).load()


def test_a_key_is_found_through_the_links_of_a_kubernetes_mount(tmp_path):
    (tmp_path / "..2026_11_21").mkdir()
    key_file(tmp_path / "..2026_11_21" / "key", mode=0o400)
    (tmp_path / "..data").symlink_to("..2026_11_21")
    (tmp_path / "key").symlink_to("..data/key")
    assert KeyFile(tmp_path / "key").load() == KEY


def test_a_key_file_that_is_a_fifo_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "key", 0o600)
    with pytest.raises(StoreError, match="not a regular file"):
        KeyFile(tmp_path / "key").load()


def test_a_created_key_file_is_private_and_readable_again(tmp_path):
    source = KeyFile(tmp_path / "new" / "key")
    source.create(KEY)
    assert source.load() == KEY
    assert source.path.stat().st_mode & 0o777 == 0o600


def test_creating_never_replaces_a_key_file(tmp_path):
    source = key_file(tmp_path / "key")
    with pytest.raises(StoreError):
        source.create(bytes(32))
    assert source.load() == KEY


def test_a_key_file_that_cannot_be_written_to_the_end_is_not_left_behind(tmp_path, monkeypatch):
    def full(_descriptor, _data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StoreError, match="no space left"):
        KeyFile(tmp_path / "key").create(KEY)
    monkeypatch.undo()
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_where_no_key_file_can_be_made_the_way_to_make_one_elsewhere_is_named(tmp_path, monkeypatch, number):
    def closed(*_arguments, **_options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", closed)
    with pytest.raises(StoreError, match="there is no key file, and it cannot be created: ") as refusal:
        KeyFile(tmp_path / "key").create(KEY)
    assert str(tmp_path / "key") in refusal.value.message
    assert "openssl rand" in refusal.value.hint


def test_a_key_file_that_this_user_may_not_open_is_no_missing_one(tmp_path, monkeypatch):
    def closed(*_arguments, **_options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", closed)
    with pytest.raises(StoreError, match="is closed to this user") as refusal:
        KeyFile(tmp_path / "key").load()
    assert "chown" in refusal.value.hint


def test_the_insecure_key_file_says_what_it_is(tmp_path):
    source = InsecureKeyFile(tmp_path)
    source.create(KEY)
    assert source.load() == KEY
    assert "insecure" in source.describe()
    assert str(tmp_path) in source.describe()


# Key commands


def command(source, *arguments):
    return KeyCommand([sys.executable, "-c", source, *arguments], read_key_command)


def test_a_key_command_prints_the_key():
    assert command(f"print({TEXT.decode()!r})").load() == KEY


def test_a_key_command_is_run_without_a_shell_and_without_stdin():
    source = f"import sys; assert sys.argv[1] == '$(id)' and sys.stdin.read() == ''; print({TEXT.decode()!r})"
    assert command(source, "$(id)").load() == KEY


def test_a_key_command_sees_only_the_listed_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_API_TOKEN", "canary")
    seen = tmp_path / "seen"
    source = f"import json, os; open({str(seen)!r}, 'w').write(json.dumps(dict(os.environ))); print({TEXT.decode()!r})"
    command(source).load()
    environment = json.loads(seen.read_text())
    assert environment["PATH"] == os.environ["PATH"]
    assert "canary" not in seen.read_text()


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import sys; print('canary'); sys.exit('canary')", "ended with status 1"),
        ("print('canary')", "does not hold 32 bytes in base64"),
        ("print('x' * 10_000)", "does not hold 32 bytes in base64"),
        ("print('x' * 100_000)", "printed more than 64 KiB"),
    ],
)
def test_a_key_command_that_fails_is_explained_without_its_words(source, sentence, capfd):
    with pytest.raises(StoreError, match=sentence) as refusal:
        command(source).load()
    assert "canary" not in refusal.value.message + refusal.value.hint + "".join(capfd.readouterr())


def test_a_key_command_that_does_not_exist_is_named():
    with pytest.raises(StoreError, match="the command “no-such-program” cannot be run: no such file"):
        KeyCommand(["no-such-program"], read_key_command).load()


def test_a_key_command_that_never_ends_is_ended(monkeypatch):
    monkeypatch.setattr(secret_backends, "_KEY_TIMEOUT", 0.01)
    with pytest.raises(StoreError, match="did not end within"):
        command("import threading; threading.Event().wait()").load()


def test_a_key_command_that_prints_without_end_fills_no_memory():
    with pytest.raises(StoreError, match="printed more than 64 KiB"):
        KeyCommand(["yes"], read_key_command).load()


def test_a_key_command_runs_once_in_a_process_and_never_where_others_wait_for_it(tmp_path):
    runs = tmp_path / "runs"
    script = f"open({str(runs)!r}, 'a').write('x'); print({TEXT.decode()!r})"
    paths = paths_below(tmp_path)

    async def story():
        vault = StoreAccess(KeyCommandStoreSettings((sys.executable, "-c", script)), paths)
        store = await vault.open_to_write()
        store.save("a", "x", None)
        assert (await vault.open_to_read("a")).load("a").secret == "x"

    asyncio.run(story())
    assert runs.read_text() == "x"


def test_a_key_command_cannot_be_given_a_key():
    with pytest.raises(StoreError, match="cannot be given one") as refusal:
        KeyCommand(["pass", "show", "bridge"], read_key_command).create(KEY)
    assert "openssl rand" in refusal.value.hint


def test_the_hint_is_a_line_to_paste_into_the_file_that_makes_logins_last(tmp_path):
    file = tmp_path / "config.toml"
    for hint in (keys.keep_hint(file), keys.store_hint(file)):
        assert str(file) in hint
        line = re.search(r"store = \{.*?\}", hint)[0]
        file.write_text(f"{line}\n[servers.acme]\nurl = 'https://mcp.acme.example/mcp'\n")
        config = load(file)
        assert config.store == KeyFileStoreSettings(str(tmp_path / "sealing.key"))
        assert config.profiles["acme"].store == config.store
    assert '"memory"' in keys.store_hint(file)
    assert '"memory"' not in keys.keep_hint(file)
