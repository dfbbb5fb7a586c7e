"""What the operating system refuses, in words that say what to do."""

import errno
import os

import pytest

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.file_io import Exists, Forbidden, Missing, translate_os_errors


@pytest.mark.parametrize(
    ("number", "kind", "words", "hint"),
    [
        (errno.ENOENT, Missing, "does not exist", "MCP_AUTH_BRIDGE_HOME"),
        (errno.EEXIST, Exists, "exists already", "remove"),
        (errno.ENOSPC, StoreError, "no space left", "free some space"),
        (errno.EDQUOT, StoreError, "no space left", "free some space"),
        (errno.EFBIG, StoreError, "no space left", "free some space"),
        (errno.EACCES, Forbidden, "no permission", "let this user read and write"),
        (errno.EPERM, Forbidden, "no permission", "let this user read and write"),
        (errno.EROFS, Forbidden, "read-only file system", "MCP_AUTH_BRIDGE_HOME"),
        (errno.ELOOP, StoreError, "symbolic link", "remove"),
        (errno.EIO, StoreError, "cannot be used", "MCP_AUTH_BRIDGE_HOME"),
    ],
)
def test_each_refusal_has_a_sentence_a_hint_and_a_kind(tmp_path, number, kind, words, hint):
    path = tmp_path / "file"
    with pytest.raises(kind, match=words) as raised, translate_os_errors(path):
        raise OSError(number, os.strerror(number))
    assert type(raised.value) is kind
    assert str(path) in raised.value.message
    assert hint in raised.value.hint
    assert raised.value.__cause__ is None


def test_a_link_is_named_whatever_the_system_calls_its_refusal(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    with pytest.raises(StoreError, match="is a symbolic link"), translate_os_errors(link):
        raise OSError(errno.ENOTDIR, "Not a directory")


def test_other_errors_and_success_pass(tmp_path):
    with pytest.raises(ValueError, match="a bug"), translate_os_errors(tmp_path):
        raise ValueError("a bug")
    with translate_os_errors(tmp_path):
        pass
