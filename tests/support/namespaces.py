"""A mount namespace of its own for a command: on Linux, where it is allowed."""

import subprocess
from pathlib import Path

import pytest
from needs import found

COMMAND = ["unshare", "--map-root-user", "--mount"]


def resolving(hosts: Path, name: str) -> list[str]:
    """The words before a command to which `name`, and no other, is this machine; `hosts` is a file to be written."""
    hosts.write_text(f"127.0.0.1 localhost {name}\n")
    return [*in_namespace(), "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)]


def in_namespace() -> list[str]:
    """The words before a command that is to run in a namespace; the test is skipped where there are none."""
    found("unshare")
    if subprocess.run([*COMMAND, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine gives no mount namespaces")
    return COMMAND
