"""The names of kept secrets are remembered where that is possible, and never stand in the way."""

from mcp_auth_bridge.shell.files.kept_secrets import KeptSecrets
from mcp_auth_bridge.shell.files.paths import paths_below


def test_each_name_is_remembered_once(tmp_path):
    kept = KeptSecrets(paths_below(tmp_path))
    assert kept.names() == set()
    for name in ("b", "a key", "b"):
        kept.add(name)
    assert KeptSecrets(paths_below(tmp_path)).names() == {"a key", "b"}
    (file,) = (tmp_path / "memory").iterdir()
    assert file.read_text() == '["a key","b"]'
    file.write_text('{"a"')
    assert kept.names() == set()


def test_a_folder_that_cannot_be_made_is_no_reason_to_fail(tmp_path):
    (tmp_path / "memory").touch()
    KeptSecrets(paths_below(tmp_path)).add("a")
    assert KeptSecrets(paths_below(tmp_path)).names() == set()
