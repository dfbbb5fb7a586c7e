"""What a server said last time, in a private file; losing it costs nothing."""

import stat

import pytest

from mcp_auth_bridge.shell.files.server_cache import ServerCache

KEY = "acme https://mcp.example/mcp"


def test_results_are_there_for_the_next_process(tmp_path):
    ServerCache(tmp_path / "memory", KEY).save("tools/list", b'{"tools":[]}')
    ServerCache(tmp_path / "memory", KEY).save("initialize", '{"x":"ü"}'.encode())
    assert ServerCache(tmp_path / "memory", KEY).load() == {
        "tools/list": b'{"tools":[]}',
        "initialize": '{"x":"ü"}'.encode(),
    }


def test_servers_do_not_share_a_file_and_its_name_tells_nothing(tmp_path):
    ServerCache(tmp_path, KEY).save("tools/list", b"{}")
    assert ServerCache(tmp_path, "other").load() == {}
    (file,) = tmp_path.iterdir()
    assert "acme" not in file.name


def test_only_the_user_can_read_it(tmp_path):
    ServerCache(tmp_path / "memory", KEY).save("tools/list", b"{}")
    (file,) = (tmp_path / "memory").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"null", b'{"tools/list": 5}'])
def test_a_damaged_file_is_an_empty_one(tmp_path, content):
    cache = ServerCache(tmp_path, KEY)
    cache.save("tools/list", b"{}")
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    assert cache.load() == {}


def test_a_folder_that_cannot_be_made_does_not_stop_anything(tmp_path):
    (tmp_path / "file").touch()
    cache = ServerCache(tmp_path / "file" / "memory", KEY)
    cache.save("tools/list", b"{}")
    assert cache.load() == {}
    cache.forget()


def test_what_is_forgotten_is_gone_and_forgetting_twice_is_no_error(tmp_path):
    cache = ServerCache(tmp_path, KEY)
    cache.save("tools/list", b"{}")
    for _ in range(2):
        cache.forget()
        assert cache.load() == {}
