"""The key of the labels is made once, and kept where only this user can read it."""

import stat

from mcp_auth_bridge.doctor.label_key import NAME, label_key
from mcp_auth_bridge.shell.files.paths import NOWHERE, paths_below


def test_the_same_key_serves_every_report(tmp_path):
    first, kept = label_key(paths_below(tmp_path))
    assert kept
    assert label_key(paths_below(tmp_path)) == (first, True)
    assert stat.S_IMODE((tmp_path / "memory" / NAME).stat().st_mode) == 0o600


def test_another_machine_has_another_key(tmp_path):
    assert label_key(paths_below(tmp_path / "one"))[0] != label_key(paths_below(tmp_path / "two"))[0]


def test_a_damaged_key_is_replaced(tmp_path):
    label_key(paths_below(tmp_path))
    (tmp_path / "memory" / NAME).write_bytes(b"short")
    key, kept = label_key(paths_below(tmp_path))
    assert (len(key), kept) == (32, True)


def test_where_no_key_can_be_kept_the_report_has_one_of_its_own(tmp_path):
    (tmp_path / "memory").write_text("not a folder")
    first, kept = label_key(paths_below(tmp_path))
    assert not kept
    assert label_key(paths_below(tmp_path))[0] != first


def test_a_user_without_a_home_folder_keeps_no_key():
    assert label_key(NOWHERE)[1] is False
    assert not NOWHERE.memory.exists()
