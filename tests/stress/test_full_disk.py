"""A disk that is full at each write of a refresh costs no login, neither while a process lives nor when it ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from namespaces import in_namespace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_ON_A_DISK = 'mount -t tmpfs -o size=2m,mode=700 tmpfs "$1" && exec "$2" -m stress.full_disk "$1"'


def test_a_disk_that_is_full_at_any_write_of_a_refresh_costs_no_login(tmp_path: Path) -> None:
    path = os.pathsep.join(str(Path(__file__).parents[1] / folder) for folder in (".", "support", "e2e"))
    ended = subprocess.run(
        [*in_namespace(), "sh", "-c", _ON_A_DISK, "sh", tmp_path, sys.executable],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
