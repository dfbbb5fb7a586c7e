"""A login in a file: it opens for its recipient only, and not at all if a byte of it has changed."""

import base64
import itertools
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores import login_export
from mcp_auth_bridge.stores.login_export import (
    ExportedLogin,
    parse_export,
    recipient_line,
    seal_for_passphrase,
    seal_for_recipient,
)

LOGIN = ExportedLogin("acme", "https://acme.example/mcp", '{"access": "canary"}')
PASSPHRASE = "four words are enough"
MINE, ANOTHERS = bytes(range(32)), bytes(range(1, 33))
ADDRESS = recipient_line(MINE)

DAMAGED = "the exported login is damaged"
CUT_OFF = "the exported login is cut off before its end"
NONE = "this is not a login that mcp-auth-bridge exported"
WRONG_PASSPHRASE = "the passphrase does not open the exported login"
NOT_FOR_US = "the exported login is sealed to the key of another machine"
ANOTHER_FORMAT = "the exported login has the format {}, which this mcp-auth-bridge does not know"


def counting():
    """Entropy that never repeats and is the same in each run."""
    numbers = itertools.count(1)
    return lambda size: b"".join(next(numbers).to_bytes(1) for _ in range(size))


@pytest.fixture
def quick(monkeypatch):
    """A stretching that takes no time: for what does not depend on it."""
    monkeypatch.setattr(login_export, "_SCRYPT_N", 4)


def opened(data, key=MINE):
    sealed = parse_export(data)
    return sealed.opened(PASSPHRASE if isinstance(sealed, login_export.ForPassphrase) else key)


def refusal(function, *arguments):
    with pytest.raises(StoreError) as refused:
        function(*arguments)
    assert "canary" not in f"{refused.value.message} {refused.value.hint}"
    assert refused.value.hint
    return refused.value.message


def content(data):
    return base64.b64decode(b"".join(data.split(b"\n")[1:-2]))


def rewritten(data, change):
    """`data` with a `change` to its bytes and the right checksum, as an attacker who knows the format would make it."""
    return login_export._lines(login_export._checked(change(content(data)[:-8])))


def test_a_passphrase_opens_the_login_that_it_sealed():
    data = seal_for_passphrase(LOGIN, PASSPHRASE, os.urandom)
    assert parse_export(data).opened(PASSPHRASE) == LOGIN
    assert refusal(parse_export(data).opened, "another") == WRONG_PASSPHRASE


def test_a_passphrase_is_stretched_with_128_mebibytes():
    """scrypt needs 128 * N * r bytes (RFC 7914 section 2)."""
    assert 128 * login_export._SCRYPT_N * 8 == 128 * 2**20


@pytest.mark.usefixtures("quick")
def test_a_passphrase_that_the_terminal_could_not_decode_is_the_bytes_that_were_typed():
    typed = b"caf\xe9 caf\xe9 caf\xe9".decode(errors="surrogateescape")
    assert parse_export(seal_for_passphrase(LOGIN, typed, counting())).opened(typed) == LOGIN


def test_a_login_that_is_sealed_to_a_machine_opens_there_and_nowhere_else():
    data = seal_for_recipient(LOGIN, ADDRESS, counting())
    assert parse_export(data).opened(MINE) == LOGIN
    assert refusal(parse_export(data).opened, ANOTHERS) == NOT_FOR_US


def test_on_the_wrong_machine_the_hint_has_its_own_recipient_line():
    with pytest.raises(StoreError) as refused:
        parse_export(seal_for_recipient(LOGIN, ADDRESS, counting())).opened(ANOTHERS)
    assert f"--recipient {recipient_line(ANOTHERS)}" in refused.value.hint


logins = st.builds(ExportedLogin, st.text(), st.text(), st.text())


@given(logins, st.binary(min_size=32, max_size=32), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_any_login_that_is_sealed_to_a_machine_opens_there_unchanged(login, private, random):
    assert parse_export(seal_for_recipient(login, recipient_line(private), random.randbytes)).opened(private) == login


@given(logins, st.text(min_size=1), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_a_passphrase_opens_any_login_unchanged(login, passphrase, random):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(login_export, "_SCRYPT_N", 4)
        assert parse_export(seal_for_passphrase(login, passphrase, random.randbytes)).opened(passphrase) == login


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("lock", ["passphrase", "recipient"])
def test_every_change_of_one_byte_is_refused(lock):
    seal, key = (seal_for_passphrase, PASSPHRASE) if lock == "passphrase" else (seal_for_recipient, ADDRESS)
    data = seal(LOGIN, key, counting()).rstrip(b"\n")
    for at in range(len(data)):
        for other in {data[at] ^ 1, data[at] ^ 0x20, 0x0A, 0x20, 0x41, 0x00} - {data[at]}:
            changed = data[:at] + bytes([other]) + data[at + 1 :]
            said = refusal(opened, changed)
            assert said in {DAMAGED, CUT_OFF, NONE} or said.startswith(ANOTHER_FORMAT.partition("{")[0])


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_every_change_of_one_byte_with_the_right_checksum_is_refused(draw):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(login_export, "_SCRYPT_N", 4)
        seal, key = draw.draw(st.sampled_from([(seal_for_passphrase, PASSPHRASE), (seal_for_recipient, ADDRESS)]))
        data = seal(LOGIN, key, counting())
        at = draw.draw(st.integers(0, len(content(data)) - 9))
        new = draw.draw(st.integers(0, 255).filter(lambda byte: byte != content(data)[at]))
        changed = rewritten(data, lambda bytes_: bytes_[:at] + bytes([new]) + bytes_[at + 1 :])
        refusal(opened, changed)


def test_a_file_that_is_cut_off_is_refused_and_called_so_where_its_beginning_is_there():
    data = seal_for_recipient(LOGIN, ADDRESS, counting()).rstrip(b"\n")
    for size in range(len(data)):
        assert refusal(parse_export, data[:size]) == (NONE if size < len(login_export._BEGIN) else CUT_OFF)


@given(st.binary())
def test_a_file_that_is_not_an_export_is_refused(data):
    assert refusal(parse_export, data) in {NONE, CUT_OFF}
    assert refusal(parse_export, login_export._BEGIN + data + login_export._END)


@given(st.binary())
def test_bytes_of_the_right_shape_that_hold_no_login_are_refused(data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(login_export, "_SCRYPT_N", 4)
        for lock in (b"\x01\x01", b"\x01\x02", b"\x01"):
            refusal(opened, login_export._lines(login_export._checked(lock + data)))


def test_the_export_of_a_newer_version_is_called_so():
    data = rewritten(seal_for_recipient(LOGIN, ADDRESS, counting()), lambda content: b"\x02" + content[1:])
    assert refusal(parse_export, data) == ANOTHER_FORMAT.format(2)


def test_a_recipient_key_with_which_every_secret_would_be_known_is_refused():
    """RFC 7748 section 6.1: a point of small order makes the shared secret zero."""
    weak = login_export._MARK + base64.urlsafe_b64encode(bytes(32) + login_export._checksum(bytes(32))[:4]).decode()
    assert refusal(seal_for_recipient, LOGIN, weak, counting()) == "--recipient is not the public key of a machine"
    small = rewritten(
        seal_for_recipient(LOGIN, ADDRESS, counting()), lambda content: content[:10] + bytes(32) + content[42:]
    )
    assert refusal(opened, small) == DAMAGED


def test_windows_line_ends_and_space_around_are_the_same_file():
    data = seal_for_recipient(LOGIN, ADDRESS, counting())
    assert opened(b"\n  " + data.replace(b"\n", b"\r\n") + b" \n") == LOGIN
    assert opened(data.rstrip(b"\n")) == LOGIN


def test_neither_the_login_nor_its_server_is_to_be_read_in_the_file_or_in_its_words():
    data = seal_for_recipient(LOGIN, ADDRESS, counting())
    for each in (data, content(data), repr(LOGIN).encode()):
        assert b"canary" not in each
        assert b"acme.example" not in each


def test_an_address_that_was_copied_with_any_mistake_is_refused():
    login_export.check_recipient(f" {ADDRESS}\n")
    for at, letter in enumerate(ADDRESS):
        for other in {"A", "B", "-", "é", ""} - {letter}:
            line = ADDRESS[:at] + other + ADDRESS[at + 1 :]
            assert refusal(login_export.check_recipient, line) == "--recipient is not the public key of a machine"
    for line in ("", "mab1-", ADDRESS[:-1], f"{ADDRESS}A", ADDRESS * 2):
        refusal(login_export.check_recipient, line)
