"""Runs a command in its own mount namespace, on Linux if the machine allows it."""

import subprocess
from pathlib import Path

import pytest
from needs import found

COMMAND = ["unshare", "--map-root-user", "--mount"]


def resolving(hosts: Path, name: str) -> list[str]:
    """The words before a command that make only `name` resolve to this machine; writes the file `hosts`."""
    hosts.write_text(f"127.0.0.1 localhost {name}\n")
    return [*in_namespace(), "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)]


def in_namespace() -> list[str]:
    """The words that run a command in a namespace; skips the test if namespaces do not work here."""
    found("unshare")
    if subprocess.run([*COMMAND, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not allow mount namespaces")
    return COMMAND
