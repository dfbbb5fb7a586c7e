"""The store on disk, also when files are damaged, planted, open to others, or cannot be written."""

import contextlib
import errno
import itertools
import os
import shutil
import socket
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.files.lock import Locks
from mcp_auth_bridge.stores.base import Stale
from mcp_auth_bridge.stores.folder import Folder
from mcp_auth_bridge.stores.open_folder import LIMIT
from mcp_auth_bridge.stores.seal import Unopenable
from mcp_auth_bridge.stores.sealed import SealedStore, file_name

KEY = bytes(range(32))
NAME = file_name("a")


def open_store(folder, key=KEY):
    return SealedStore(folder / "records", lambda: key, os.urandom, Locks(folder / "locks").mutex)


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path)


@pytest.fixture
def records(tmp_path):
    return tmp_path / "records"


def python(source, *arguments, **options):
    command = [sys.executable, "-c", textwrap.dedent(source), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def finished(process):
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out.strip()


# The file


def test_the_folder_and_the_files_are_closed_to_others_whatever_the_umask(tmp_path, store, records):
    before = os.umask(0)
    try:
        store.save("a", "x", store.save("a", "x", None))
    finally:
        os.umask(before)
    assert records.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in records.iterdir()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "locks").iterdir()} == {0o600}


def test_neither_the_secret_nor_the_key_nor_the_name_of_the_server_is_in_the_folder(store, records):
    store.save("https://mcp.example.com", "canary", None)
    for path in records.iterdir():
        assert b"canary" not in path.read_bytes()
        assert b"example" not in path.read_bytes()
        assert "example" not in path.name


def test_the_same_secret_is_never_sealed_to_the_same_bytes(store, records):
    files = set()
    for _ in range(3):
        record = store.load("a")
        store.save("a", "x", record.generation if record else None)
        files.add((records / NAME).read_bytes())
    assert len(files) == 3


def test_loading_asks_for_the_key_once_and_only_where_there_is_a_record(tmp_path, store):
    calls = []
    other = SealedStore(tmp_path / "records", lambda: calls.append(1) or KEY, os.urandom, Locks(tmp_path / "l").mutex)
    assert other.load("a") is None
    assert calls == []
    store.save("a", "x", None)
    assert other.load("a").secret == other.load("a").secret == "x"
    assert other.keys() == ["a"]
    assert calls == [1]


def test_a_key_that_could_not_be_had_is_asked_for_again(tmp_path, store):
    store.save("a", "x", None)
    answers = [StoreError("locked"), KEY]

    def key():
        answer = answers.pop(0)
        if isinstance(answer, StoreError):
            raise answer
        return answer

    other = SealedStore(tmp_path / "records", key, os.urandom, Locks(tmp_path / "locks").mutex)
    with pytest.raises(StoreError, match="locked"):
        other.load("a")
    assert other.load("a").secret == "x"


def test_the_sealing_key_is_in_no_representation(store):
    store.save("a", "x", None)
    assert repr(KEY)[2:10] not in repr(store._seal._key)


def test_deleting_leaves_nothing_of_the_record(store, records):
    generation = store.save("a", "new", store.save("a", "old", None))
    assert store.delete("a", generation)
    assert list(records.iterdir()) == []


def test_a_secret_that_is_too_large_to_be_read_again_is_not_written(store, records):
    with pytest.raises(StoreError, match="larger than the limit"):
        store.save("a", "x" * LIMIT, None)
    assert list(records.iterdir()) == []


# Damage


def test_a_tampered_record_is_refused_and_kept(store, records):
    store.save("a", "x", None)
    whole = (records / NAME).read_bytes()

    @settings(deadline=None, max_examples=200)
    @given(st.integers(0, len(whole) - 1), st.integers(1, 255))
    def flip(place, bits):
        damaged = whole[:place] + bytes([whole[place] ^ bits]) + whole[place + 1 :]
        (records / NAME).write_bytes(damaged)
        with pytest.raises(StoreError) as refusal:
            store.load("a")
        assert str(records / NAME) in refusal.value.message
        assert "mcp-auth-bridge" in refusal.value.hint
        assert (records / NAME).read_bytes() == damaged

    flip()


@pytest.mark.parametrize("length", [0, 3, 4, 23, 24, 40, -1])
def test_a_record_that_was_cut_off_is_refused(store, records, length):
    store.save("a", "x", None)
    (records / NAME).write_bytes((records / NAME).read_bytes()[:length])
    with pytest.raises(Unopenable):
        store.load("a")


def test_a_record_that_was_moved_to_another_name_does_not_open(store, records):
    store.save("a", "x", None)
    (records / NAME).rename(records / file_name("b"))
    with pytest.raises(Unopenable, match="missing"):
        store.load("a")
    with pytest.raises(Unopenable, match="damaged"):
        store.load("b")


def damage(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("length", [0, 24, -1])
def test_only_what_nothing_opens_can_be_discarded(store, records, length):
    store.save("a", "new", store.save("a", "old", None))
    assert not store.discard("a")
    assert store.load("a").secret == "new"
    (records / NAME).write_bytes((records / NAME).read_bytes()[:length])
    assert store.discard("a")
    assert store.load("a") is None
    assert list(records.iterdir()) == []
    assert not store.discard("a")


def test_a_damaged_record_is_never_answered_with_the_generation_before(store, records):
    """Our own rule: the older record holds a spent refresh token, and presenting one revokes the whole grant."""
    store.save("a", "new", store.save("a", "old", None))
    damage(records / NAME)
    with pytest.raises(Unopenable, match="damaged"):
        store.load("a")


def test_a_login_over_a_damaged_record_keeps_the_damaged_bytes(store, records):
    old = store.save("a", "x", store.save("a", "x", None))
    damage(records / NAME)
    damaged = (records / NAME).read_bytes()
    assert store.save("a", "new login", None) != old
    assert store.load("a").secret == "new login"
    (kept,) = records.glob(f"{NAME}.damaged-*")
    assert kept.read_bytes() == damaged
    assert store.keys() == ["a"]


def saved(store, *secrets):
    """The records of one login, each replaced by the next."""
    records, generation = [], None
    for secret in secrets:
        generation = store.save("a", secret, generation)
        records.append(store.load("a"))
    return records


def test_a_damaged_record_is_replaced_by_no_save(store, records):
    first, second = saved(store, "1", "2")
    damage(records / NAME)
    for generation in (first.generation, second.generation, second.generation + 1):
        with pytest.raises(Unopenable):
            store.save("a", "x", generation)


def test_only_a_process_with_the_newest_generation_puts_it_back_over_a_damaged_record(store, records):
    first, second = saved(store, "1", "2")
    damage(records / NAME)
    damaged = (records / NAME).read_bytes()
    with pytest.raises(Unopenable):
        store.put_back("a", first)
    store.put_back("a", second)
    assert store.load("a") == second
    (kept,) = records.glob(f"{NAME}.damaged-*")
    assert kept.read_bytes() == damaged
    assert store.save("a", "3", second.generation) == second.generation + 1


def test_a_record_is_put_back_where_the_files_prove_nothing(store, records):
    *_, newest = saved(store, "1", "2")
    damage(records / NAME)
    damage(records / f"{NAME}.previous")
    store.put_back("a", newest)
    assert store.load("a") == newest


def test_a_record_that_is_there_is_not_put_back(store, records):
    first, second = saved(store, "1", "2")
    for record in (first, second):
        with pytest.raises(Stale):
            store.put_back("a", record)
    store.delete("a", second.generation)
    with pytest.raises(Stale):
        store.put_back("a", second)
    assert list(records.iterdir()) == []


def test_the_record_of_another_login_is_not_put_back_over_a_damaged_one(store, records):
    (other,) = saved(store, "1")
    store.delete("a", other.generation)
    saved(store, "2", "3")
    damage(records / NAME)
    with pytest.raises(Unopenable):
        store.put_back("a", other)


def put_back_alone(records, older):
    (records / NAME).write_bytes(older[NAME])


def put_back_as_a_copy_of_the_previous_one(records, _):
    (records / NAME).write_bytes((records / f"{NAME}.previous").read_bytes())


def take_away(records, _):
    (records / NAME).unlink()


@pytest.mark.parametrize("undo", [put_back_alone, put_back_as_a_copy_of_the_previous_one, take_away])
@pytest.mark.parametrize("generations", [2, 3, 5])
def test_a_record_that_is_not_newer_than_the_one_before_it_is_damaged(store, records, undo, generations):
    saved(store, "1")
    older = {path.name: path.read_bytes() for path in records.iterdir()}
    generation = store.load("a").generation
    for number in range(2, generations + 1):
        generation = store.save("a", str(number), generation)
    newest = store.load("a")
    undo(records, older)
    with pytest.raises(Unopenable, match=r"older copy|missing"):
        store.load("a")
    with pytest.raises(Unopenable):
        store.save("a", "x", generation)
    store.put_back("a", newest)
    assert store.load("a") == newest


def test_the_first_record_of_a_login_is_missed_when_its_file_is_removed(store, records):
    saved(store, "1")
    take_away(records, None)
    with pytest.raises(Unopenable, match="missing"):
        store.load("a")
    assert store.discard("a")
    assert store.load("a") is None
    assert list(records.iterdir()) == []


def test_a_login_begins_anew_over_a_record_that_was_put_back(store, records):
    saved(store, "1")
    older = {path.name: path.read_bytes() for path in records.iterdir()}
    store.save("a", "3", store.save("a", "2", store.load("a").generation))
    put_back_alone(records, older)
    store.save("a", "new login", None)
    assert store.load("a").secret == "new login"


def test_a_whole_folder_that_was_put_back_is_mended_by_who_knows_better(store, records):
    saved(store, "1", "2")
    older = {path.name: path.read_bytes() for path in records.iterdir()}
    store.save("a", "4", store.save("a", "3", store.load("a").generation))
    newest = store.load("a")
    for name, data in older.items():
        (records / name).write_bytes(data)
    assert store.load("a").secret == "2"
    store.put_back("a", newest)
    assert store.load("a") == newest


def test_a_damaged_record_is_not_deleted(store, records):
    generation = store.save("a", "x", None)
    damage(records / NAME)
    with pytest.raises(Unopenable):
        store.delete("a", generation)
    assert (records / NAME).exists()


def test_a_person_may_put_the_previous_generation_back_by_renaming_it(store, records):
    store.save("a", "new", store.save("a", "old", None))
    damage(records / NAME)
    (records / f"{NAME}.previous").rename(records / NAME)
    assert store.load("a").secret == "old"


def test_a_record_that_was_sealed_with_another_key_is_told_from_a_damaged_one(tmp_path, store, records):
    store.save("a", "x", None)
    reset = open_store(tmp_path, key=bytes(32))
    with pytest.raises(Unopenable, match="another key"):
        reset.load("a")
    reset.save("a", "new login", None)
    assert reset.load("a").secret == "new login"
    (kept,) = records.glob(f"{NAME}.damaged-*")
    kept.rename(records / NAME)
    assert store.load("a").secret == "x"


def test_a_record_of_a_newer_version_is_neither_read_nor_replaced(store, records):
    store.save("a", "x", None)
    newer = b"MAB2" + (records / NAME).read_bytes()[4:]
    (records / NAME).write_bytes(newer)
    for attempt in (lambda: store.load("a"), lambda: store.save("a", "x", None), lambda: store.delete("a", 1)):
        with pytest.raises(StoreError, match="newer mcp-auth-bridge") as refusal:
            attempt()
        assert refusal.value.hint == "upgrade mcp-auth-bridge"
    assert (records / NAME).read_bytes() == newer


def test_records_that_cannot_be_opened_are_left_out_of_the_keys_and_reported_beside_them(store, records):
    for key in "abc":
        store.save(key, key, None)
    damage(records / file_name("b"))
    (records / file_name("c")).chmod(0o640)
    assert store.keys() == ["a"]
    assert sorted(str(error).split()[-1] for error in store.unreadable()) == ["damaged", "users"]


def test_without_the_sealing_key_records_are_neither_listed_nor_called_damaged(tmp_path, store):
    store.save("a", "x", None)

    def key():
        raise StoreError("locked")

    other = SealedStore(tmp_path / "records", key, os.urandom, Locks(tmp_path / "locks").mutex)
    for look in (other.keys, other.unreadable):
        with pytest.raises(StoreError, match="locked"):
            look()


def test_a_record_whose_sealed_content_is_of_another_shape_is_damaged(store, records):
    store.save("a", "x", None)
    key, nonce = store._seal._key, bytes(12)
    head = b"MAB1" + key.identity + nonce
    sealed = key.cipher.encrypt(nonce, msgspec.msgpack.encode({"key": "a"}), head + NAME.encode())
    (records / NAME).write_bytes(head + sealed)
    with pytest.raises(Unopenable, match="damaged"):
        store.load("a")


# Planted objects


def plant_symlink(path):
    (path.parent / "target").write_bytes(path.read_bytes() if path.exists() else b"")
    path.unlink(missing_ok=True)
    path.symlink_to("target")


def plant_fifo(path):
    path.unlink(missing_ok=True)
    os.mkfifo(path, 0o600)


def plant_folder(path):
    path.unlink(missing_ok=True)
    path.mkdir(0o700)


def plant_socket(path):
    path.unlink(missing_ok=True)
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's name has to be short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


def plant_giant(path):
    os.truncate(path, LIMIT + 1)


def open_to_the_group(path):
    path.chmod(0o640)


PLANTED = [plant_symlink, plant_fifo, plant_folder, plant_socket, plant_giant, open_to_the_group]


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_object_is_neither_read_nor_waited_for_nor_replaced(store, records, plant):
    generation = store.save("a", "x", None)
    plant(records / NAME)
    before = os.lstat(records / NAME)
    for attempt in (
        lambda: store.load("a"),
        lambda: store.save("a", "x", None),
        lambda: store.save("a", "x", generation),
        lambda: store.delete("a", generation),
    ):
        with pytest.raises(StoreError):
            attempt()
    after = os.lstat(records / NAME)
    assert (after.st_ino, after.st_mode, after.st_size) == (before.st_ino, before.st_mode, before.st_size)


def test_a_planted_link_at_the_name_of_the_previous_generation_is_replaced_and_not_followed(tmp_path, store, records):
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    generation = store.save("a", "x", None)
    (records / f"{NAME}.previous").unlink()
    (records / f"{NAME}.previous").symlink_to(victim)
    store.save("a", "y", generation)
    assert victim.read_text() == "untouched"
    assert not (records / f"{NAME}.previous").is_symlink()


def test_a_folder_that_others_can_enter_is_refused_with_the_command_that_closes_it(store, records):
    store.save("a", "x", None)
    records.chmod(0o755)
    for attempt in (lambda: store.load("a"), store.keys, lambda: store.save("a", "x", None)):
        with pytest.raises(StoreError) as refusal:
            attempt()
        assert refusal.value.hint == f"run: chmod 700 {records}"


def test_a_folder_that_is_a_symbolic_link_is_refused(store, records):
    store.save("a", "x", None)
    records.rename(records.parent / "elsewhere")
    records.symlink_to("elsewhere")
    with pytest.raises(StoreError, match="symbolic link"):
        store.load("a")


def test_a_file_of_another_user_is_refused(store, records, monkeypatch):
    store.save("a", "x", None)
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(StoreError, match="belongs to another user"):
        store.load("a")


# Writes that fail


CALLS = ("open", "write", "fsync", "ftruncate", "link", "replace", "unlink", "fstat", "read", "scandir")


def each_failure(tmp_path, monkeypatch, prepare, act):
    """Run `act` again and again, each time with another system call failing; yield the state after each failure.

    Every turn has a fresh folder and `prepare` returns what `act` needs; the last turn is the one without a failure.
    """
    real = {name: getattr(os, name) for name in CALLS}
    for turn in itertools.count():
        store = open_store(tmp_path / str(turn))
        prepared = prepare(store, tmp_path / str(turn) / "records")
        counter = itertools.count()

        def failing(name, counter=counter, turn=turn):
            def call(*arguments, **options):
                if next(counter) == turn:
                    raise OSError(errno.EIO, "input/output error")
                return real[name](*arguments, **options)

            return call

        with monkeypatch.context() as patch:
            for name in CALLS:
                patch.setattr(os, name, failing(name))
            with contextlib.suppress(StoreError):
                act(store, prepared)
        yield store, tmp_path / str(turn) / "records", prepared
        if next(counter) <= turn:
            assert turn > 15  # else the calls were not those that the store makes
            return


def test_every_system_call_of_a_save_may_fail_and_the_old_or_the_new_record_is_there(tmp_path, monkeypatch):
    def save(store, generation):
        store.save("a", "new", generation)

    for store, records, old in each_failure(tmp_path, monkeypatch, lambda store, _: store.save("a", "old", None), save):
        record = store.load("a")
        assert (record.generation, record.secret) in {(old, "old"), (old + 1, "new")}
        store.save("a", "after", record.generation)
        assert not list(records.glob("*.tmp"))


@pytest.fixture
def full(monkeypatch):
    """A disk without space for new files; existing files can be overwritten in their blocks."""
    real = os.open

    def opened(path, flags, *arguments, **options):
        if flags & os.O_CREAT and ".tmp" in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, flags, *arguments, **options)

    @contextlib.contextmanager
    def filled():
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", opened)
            yield

    return filled


def test_a_reservation_takes_a_save_on_a_full_disk_even_of_a_record_that_has_grown_by_a_token(store, records, full):
    generation = store.save("a", "x", None)
    store.reserve("a")
    store.reserve("a")
    space = (records / f"{NAME}.next").stat()
    with full():
        generation = store.save("a", "x" * 16 * 1024, generation)
        with pytest.raises(StoreError, match="no space"):
            store.save("a", "y", generation)
    assert (records / NAME).stat().st_ino == space.st_ino
    assert store.load("a").secret == "x" * 16 * 1024
    assert not (records / f"{NAME}.next").exists()


def test_a_reservation_waits_while_there_is_space(store, records):
    generation = store.save("a", "x", None)
    store.reserve("a")
    store.save("a", "y", generation)
    assert (records / f"{NAME}.next").exists()
    assert store.keys() == ["a"]
    assert store.delete("a", generation + 1)
    assert list(records.iterdir()) == []


def test_a_file_system_without_second_names_keeps_the_generation_before_all_the_same(store, records, monkeypatch):
    def no_link(*_, **__):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)
    first, second = saved(store, "1", "2")
    damage(records / NAME)
    with pytest.raises(Unopenable):
        store.put_back("a", first)
    store.put_back("a", second)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_network_drive_that_cannot_flush_folders_keeps_logins(store, monkeypatch, number):
    real = os.fsync

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    saved(store, "1", "2")
    assert store.load("a").secret == "2"


def test_every_system_call_of_a_delete_may_fail_and_the_record_is_there_or_gone(tmp_path, monkeypatch):
    def prepare(store, _):
        return store.save("a", "kept", store.save("a", "old", None))

    def delete(store, generation):
        store.delete("a", generation)

    for store, records, generation in each_failure(tmp_path, monkeypatch, prepare, delete):
        record = store.load("a")
        assert record is None or record.secret == "kept"
        store.delete("a", generation)
        assert list(records.iterdir()) == []


def test_every_system_call_of_a_login_over_damage_may_fail_and_the_damaged_bytes_are_kept(tmp_path, monkeypatch):
    def prepare(store, records):
        store.save("a", "x", None)
        damage(records / NAME)
        return (records / NAME).read_bytes()

    def login(store, _):
        store.save("a", "new login", None)

    for store, records, damaged in each_failure(tmp_path, monkeypatch, prepare, login):
        try:
            assert store.load("a").secret == "new login"
        except Unopenable:
            login(store, damaged)
        assert damaged in [path.read_bytes() for path in records.glob(f"{NAME}.damaged-*")]
        assert store.load("a").secret == "new login"


def test_a_record_is_on_the_disk_before_it_gets_its_name_and_the_name_before_the_save_returns(store, monkeypatch):
    generation = store.save("a", "x", None)
    done = []

    def noted(name, real):
        def call(*arguments, **options):
            done.append(name)
            return real(*arguments, **options)

        return call

    for name in ("write", "fsync", "replace"):
        monkeypatch.setattr(os, name, noted(name, getattr(os, name)))
    store.save("a", "y", generation)
    assert done == ["write", "fsync", "replace", "fsync", "replace"]  # the last is the record before, by another name


SAVE_UNDER_A_LIMIT = """
    import os, resource, sys
    from pathlib import Path
    from mcp_auth_bridge.errors import StoreError
    from mcp_auth_bridge.shell.files.lock import Locks
    from mcp_auth_bridge.stores.sealed import SealedStore
    folder = Path(sys.argv[1])
    store = SealedStore(folder / "records", lambda: bytes(range(32)), os.urandom, Locks(folder / "locks").mutex)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        store.save("a", "x" * 5000, store.load("a").generation)
    except StoreError as error:
        print(error.message, "|", error.hint)
"""


def test_a_full_disk_is_named_and_the_old_record_stays(tmp_path, store, records):
    """A limit on the size of files fails in the kernel as a full disk does, and needs no privilege."""
    generation = store.save("a", "old", None)
    said = finished(python(SAVE_UNDER_A_LIMIT, tmp_path))
    assert said == f"there is no space left to write {records / NAME} | free some space and repeat"
    assert store.load("a").generation == generation
    assert not list(records.glob("*.tmp"))


UNWRITABLE = {
    errno.EROFS: ("on a read-only file system", "set MCP_AUTH_BRIDGE_HOME"),
    errno.EACCES: ("no permission", "let this user read and write"),
}


@pytest.mark.parametrize("number", UNWRITABLE)
def test_a_folder_that_cannot_be_written_is_named_and_the_old_record_stays(store, records, monkeypatch, number):
    sentence, hint = UNWRITABLE[number]
    generation = store.save("a", "old", None)
    real = os.open

    def read_only(path, flags, *arguments, **options):
        if flags & os.O_CREAT and str(path).endswith(".tmp"):
            raise OSError(number, os.strerror(number))
        return real(path, flags, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", read_only)
        with pytest.raises(StoreError, match=sentence) as refusal:
            store.save("a", "new", generation)
    assert str(records) in refusal.value.message
    assert hint in refusal.value.hint
    assert store.load("a").secret == "old"


def test_the_files_of_a_killed_writer_are_removed_by_the_next_save_of_that_record(store, records):
    generation = store.save("a", "x", None)
    (records / f"{NAME}.0123.tmp").write_bytes(b"half")
    (records / f"{file_name('b')}.0123.tmp").write_bytes(b"another process is writing this")
    store.save("a", "y", generation)
    assert not (records / f"{NAME}.0123.tmp").exists()
    assert (records / f"{file_name('b')}.0123.tmp").exists()


def test_a_folder_that_vanished_is_an_empty_store(store, records):
    store.save("a", "x", None)
    shutil.rmtree(records)
    assert store.load("a") is None
    assert store.keys() == []
    store.save("a", "y", None)
    assert store.load("a").secret == "y"


def test_a_folder_that_is_a_file_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        Folder(tmp_path / "file").verify()
    with pytest.raises(StoreError):
        Folder(tmp_path / "file").create()


# Processes


INCREMENT = """
    import os, sys
    from pathlib import Path
    from mcp_auth_bridge.shell.files.lock import Locks
    from mcp_auth_bridge.stores.base import Stale
    from mcp_auth_bridge.stores.sealed import SealedStore
    folder = Path(sys.argv[1])
    store = SealedStore(folder / "records", lambda: bytes(range(32)), os.urandom, Locks(folder / "locks").mutex)
    done = 0
    while done < 25:
        record = store.load("a")
        try:
            store.save("a", str(int(record.secret) + 1), record.generation)
        except Stale:
            continue
        done += 1
"""


def test_no_increment_of_eight_processes_is_lost(tmp_path, store):
    generation = store.save("a", "0", None)
    for process in [python(INCREMENT, tmp_path) for _ in range(8)]:
        finished(process)
    assert store.load("a").secret == "200"
    assert store.load("a").generation == generation + 200


def test_a_writer_that_is_killed_at_any_moment_leaves_a_record_and_no_lock(tmp_path, store):
    """The killed process writes all the time, so that the kill falls anywhere in a save."""
    store.save("a", "0", None)
    for _ in range(5):
        writer = python(INCREMENT.replace("done < 25", "True").replace("done += 1", "print(flush=True)"), tmp_path)
        writer.stdout.readline()
        writer.kill()
        writer.communicate()
        record = store.load("a")
        with pytest.raises(Stale):
            store.save("a", "x", record.generation + 1)
        store.save("a", record.secret, record.generation)
    assert not list((tmp_path / "records").glob("*.tmp"))
