"""The disk below a folder: a small one for this test where mount namespaces work, and the tables of other systems."""

import os
import subprocess
import sys
import textwrap

import pytest
from namespaces import in_namespace

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.files import disk

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:31 / {folder} rw - tmpfs tmpfs rw
41 30 0:52 / {folder}/a\\040home rw,relatime - nfs4 server:/home rw
42 41 0:53 / {folder}/a\\040home/local rw shared:7 master:1 - ext4 /dev/sdb1 rw
"""


def test_a_folder_takes_a_file_and_nothing_of_it_stays(tmp_path):
    disk.check_takes(tmp_path / "not" / "made" / "yet", 4096)
    assert [*tmp_path.iterdir()] == []
    assert disk.free_bytes(tmp_path / "not") > 4096
    assert disk.existing(tmp_path / "not" / "made") == tmp_path


def test_a_network_drive_is_told_by_the_nearest_mount(tmp_path):
    (tmp_path / "a home" / "local").mkdir(parents=True)
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(folder=tmp_path))
    kinds = [
        disk.network_file_system(tmp_path / folder, mounts)
        for folder in ("", "a home", "a home/records", "a home/local/records")
    ]
    assert kinds == ["", "nfs4", "nfs4", ""]


def test_without_a_table_of_mounts_no_drive_is_called_a_network_drive(tmp_path):
    assert disk.network_file_system(tmp_path, tmp_path / "missing") == ""


ON_A_SMALL_DISK = """
    import sys
    from pathlib import Path
    from mcp_auth_bridge.errors import StoreError
    from mcp_auth_bridge.shell.files import disk
    try:
        disk.check_takes(Path(sys.argv[1]) / "records", 1 << 20)
    except StoreError as error:
        print(error.message)
    print([each.name for each in Path(sys.argv[1]).iterdir()])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are Linux's")
@pytest.mark.parametrize(
    ("options", "said"), [("size=64k", "there is no space left to write"), ("ro", "is on a read-only file system")]
)
def test_a_full_or_read_only_disk_is_an_error(tmp_path, options, said):
    mount = f'mount -t tmpfs -o {options} tmpfs "$1" && exec "$2" -c "$3" "$1"'
    argv = [*in_namespace(), "sh", "-c", mount, "sh", tmp_path, sys.executable, textwrap.dedent(ON_A_SMALL_DISK)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    first, left = done.stdout.splitlines()
    assert said in first
    assert left == "[]"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_another_user_is_an_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="no permission"):
        disk.check_takes(tmp_path, 1)
