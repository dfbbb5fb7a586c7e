"""Programs that the tests talk to and that a machine may lack: who needs one is skipped then, and the reason names it.

`./try test` installs them where it may, and `.ci/run` accepts no such skip.
"""

import shutil

import pytest

# By program, the Debian package that has it.
PACKAGES = {
    "curl": "curl",
    "dbus-daemon": "dbus",
    "gnome-keyring-daemon": "gnome-keyring",
    "ip": "iproute2",
    "jq": "jq",
    "node": "nodejs",
    "npm": "npm",
    "redis-server": "redis-server",
    "setsid": "util-linux",
    "strace": "strace",
    "unshare": "util-linux",
    "xdg-open": "xdg-utils",
}


def missing(*programs: str) -> str:
    """What is to be said of the first of `programs` that is not installed; "" if all of them are."""
    for program in programs:
        if shutil.which(program) is None:
            return f"{program} is not installed (apt-get install {PACKAGES[program]})"
    return ""


def needs(*programs: str) -> pytest.MarkDecorator:
    """For a test, a class or a module."""
    reason = missing(*programs)
    return pytest.mark.skipif(bool(reason), reason=reason)


def found(program: str) -> str:
    """The path of `program`; whoever asks, a test or its fixture, is skipped where it is not installed."""
    if reason := missing(program):
        pytest.skip(reason)
    path = shutil.which(program)
    assert path is not None
    return path
