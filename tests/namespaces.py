"""A mount namespace of its own for a command: on Linux, where it is allowed."""

import shutil
import subprocess

import pytest

COMMAND = ["unshare", "--map-root-user", "--mount"]


def in_namespace() -> list[str]:
    """The words before a command that is to run in a namespace; the test is skipped where there are none."""
    if not shutil.which("unshare") or subprocess.run([*COMMAND, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine gives no mount namespaces")
    return COMMAND
