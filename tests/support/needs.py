"""Programs that the tests need and that a machine may lack: a test without its program is skipped with a reason.

`./try test` installs them if it may, and `.ci/run` does not accept such a skip.
"""

import shutil

import pytest

# The Debian package of each program.
PACKAGES = {
    "curl": "curl",
    "dbus-daemon": "dbus",
    "gnome-keyring-daemon": "gnome-keyring",
    "ip": "iproute2",
    "jq": "jq",
    "node": "nodejs",
    "nginx": "nginx-light",
    "npm": "npm",
    "redis-server": "redis-server",
    "setsid": "util-linux",
    "strace": "strace",
    "unshare": "util-linux",
    "valgrind": "valgrind",
    "xdg-open": "xdg-utils",
}


def missing(*programs: str) -> str:
    """The sentence about the first of `programs` that is not installed; "" if all are installed."""
    for program in programs:
        if shutil.which(program) is None:
            return f"{program} is not installed (apt-get install {PACKAGES[program]})"
    return ""


def needs(*programs: str) -> pytest.MarkDecorator:
    """The skip mark for a test, a class or a module."""
    reason = missing(*programs)
    return pytest.mark.skipif(bool(reason), reason=reason)


def found(program: str) -> str:
    """The path of `program`; skips the calling test or fixture if it is not installed."""
    if reason := missing(program):
        pytest.skip(reason)
    path = shutil.which(program)
    assert path is not None
    return path
