"""The user at the other end of a loopback connection, as far as the kernel tells.

The loopback interface belongs to every user of a machine. Another user who has read a login's parameters somewhere
could finish that login with an account of their own.
"""

import os
import sys
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from mcp_auth_bridge.shell.browser.connection_end import End
from mcp_auth_bridge.shell.browser.desktop import is_wsl

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LOGIN_USER = Path("/proc/self/loginuid")


def is_of_other_user(ours: End, theirs: End, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the end `theirs` of a connection to `ours` is another user's. False where the system does not tell."""
    if sys.platform == "win32":
        from mcp_auth_bridge.shell.browser import windows_sockets

        try:
            return windows_sockets.is_of_other_user(ours, theirs)
        except OSError:
            return False
    owners = _socket_owners()
    if not {(ours, theirs), (theirs, ours)} <= owners.keys():
        owners = {**owners, **_socket_owners()}  # the kernel writes the table in pieces, while sockets come and go
    if (ours, theirs) not in owners:  # another system, or a sandbox that shows the table of another network
        return False
    owner = owners.get((theirs, ours))
    if owner is None:
        # A peer that has closed its end already is not a browser, which waits for a page; and Linux shows a closed
        # socket without an owner. Windows' browsers have no socket inside WSL; macOS keeps some sockets out of its
        # table.
        return sys.platform == "linux" and not is_wsl(environ)
    return owner not in _trusted_users(environ)


def _trusted_users(environ: Mapping[str, str]) -> set[int]:
    """Root, who can do everything anyway, the user of this process, and the user behind sudo and su."""
    try:
        login_user = _LOGIN_USER.read_text(encoding="ascii")
    except OSError:
        login_user = ""
    users = {int(text) for text in (environ.get("SUDO_UID", ""), login_user) if text.isdecimal()}
    return {0, os.getuid(), os.geteuid(), *users}


def _socket_owners() -> Mapping[tuple[End, End], int]:
    """The user of each open TCP socket, by its own end and its peer's."""
    if sys.platform == "darwin":
        from mcp_auth_bridge.shell.browser import darwin_sockets

        return darwin_sockets.sockets()
    return _linux_sockets()


def _linux_sockets() -> Mapping[tuple[End, End], int]:
    """As `_socket_owners`, from proc(5), "/proc/net/tcp"."""
    found = {}
    for table in _TABLES:
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[9] != "0":  # the inode, which is 0 once the process has closed the socket
                found[_parse_end(fields[1]), _parse_end(fields[2])] = int(fields[7])
    return found


def _parse_end(text: str) -> End:
    """`0100007F:1F90` → ("127.0.0.1", 8080): 32-bit words in the machine's order. IPv4 in IPv6 becomes IPv4."""
    words, port = text.split(":")
    raw = b"".join(int(words[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(words), 8))
    address = ip_address(raw)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address), int(port, 16)
