"""Runs a command in namespaces of its own (files, network), on Linux if the machine allows it."""

import subprocess
from pathlib import Path

import pytest
from needs import found

COMMAND = ["unshare", "--map-root-user", "--mount"]


def resolving(hosts: Path, name: str) -> list[str]:
    """The words before a command that make only `name` resolve to this machine; writes the file `hosts`."""
    hosts.write_text(f"127.0.0.1 localhost {name}\n")
    return [*in_namespace(), "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)]


def in_namespace(*more: str) -> list[str]:
    """The words that run a command in a namespace of its own for mounts, and in those that `more` options name.

    Skips the test if namespaces do not work here.
    """
    found("unshare")
    words = [*COMMAND, *more]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not allow namespaces")
    return words


def without_network() -> list[str]:
    """The words before a command that give it no network at all, not even the loopback interface."""
    return in_namespace("--net")


def behind_a_black_hole(resolv_conf: Path) -> list[str]:
    """The words before a command whose packets all disappear, those to its name server too. Writes the file.

    The kernel drops what comes in at the loopback interface for another machine.
    """
    found("ip")
    resolv_conf.write_text("nameserver 192.0.2.53\n")
    script = 'ip link set lo up && ip route add default dev lo && mount --bind "$0" /etc/resolv.conf && exec "$@"'
    return [*in_namespace("--net"), "sh", "-c", script, str(resolv_conf)]
