"""Whose process is at the other end of a loopback connection, as far as the kernel tells.

The loopback interface belongs to every user of a machine. Another user who has read a login's parameters somewhere
could finish it with an account of their own.
"""

import os
import sys
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from mcp_auth_bridge.shell.browser.desktop import is_wsl

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LOGIN_USER = Path("/proc/self/loginuid")

End = tuple[str, int]
"""An address and a port."""


def is_foreign(ours: End, theirs: End, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the connection between `ours` and `theirs` is another user's. False where the system does not tell."""
    if sys.platform == "win32":
        from mcp_auth_bridge.shell.browser import windows_sockets

        try:
            return windows_sockets.is_foreign(ours, theirs)
        except OSError:
            return False
    sockets = _sockets()
    if not {(ours, theirs), (theirs, ours)} <= sockets.keys():
        sockets = {**sockets, **_sockets()}  # the kernel writes it in pieces, while sockets come and go
    if (ours, theirs) not in sockets:  # another system, or a sandbox whose table is not its network's
        return False
    owner = sockets.get((theirs, ours))
    if owner is None:
        # A peer that has closed its end already is not a browser, which waits for a page; and Linux shows a closed
        # socket as nobody's. Windows' browsers have no socket inside WSL; macOS keeps some sockets out of its table.
        return sys.platform == "linux" and not is_wsl(environ)
    return owner not in _trusted(environ)


def _trusted(environ: Mapping[str, str]) -> set[int]:
    """Root, who can do everything anyway, the user of this process, and the person behind sudo and su."""
    try:
        person = _LOGIN_USER.read_text(encoding="ascii")
    except OSError:
        person = ""
    persons = {int(text) for text in (environ.get("SUDO_UID", ""), person) if text.isdecimal()}
    return {0, os.getuid(), os.geteuid(), *persons}


def _sockets() -> Mapping[tuple[End, End], int]:
    """The open TCP sockets by their own end and the other one, each with its user."""
    if sys.platform == "darwin":
        from mcp_auth_bridge.shell.browser import darwin_sockets

        return darwin_sockets.sockets()
    return _linux()


def _linux() -> Mapping[tuple[End, End], int]:
    """proc(5), "/proc/net/tcp"."""
    found = {}
    for table in _TABLES:
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[9] != "0":  # the inode: none is left of a socket that its process has closed
                found[_end(fields[1]), _end(fields[2])] = int(fields[7])
    return found


def _end(text: str) -> End:
    """`0100007F:1F90` → ("127.0.0.1", 8080): 32-bit words in the machine's order. IPv4 in IPv6 is IPv4."""
    words, port = text.split(":")
    raw = b"".join(int(words[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(words), 8))
    address = ip_address(raw)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address), int(port, 16)
