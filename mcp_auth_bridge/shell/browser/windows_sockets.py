"""Windows' tables of TCP connections, each with its process, and the users of these processes.

Windows does not tell the user of another user's process, but it tells the session. Another person on this machine, at
another screen or over Remote Desktop, has a session of their own. Session 0 is that of the services.
"""

import os
import struct
import sys
from collections.abc import Mapping
from ipaddress import ip_address

from mcp_auth_bridge.shell.browser.connection_end import End

# MIB_TCPROW_OWNER_PID and MIB_TCP6ROW_OWNER_PID (tcpmib.h): local address and port, remote ones, the process.
ROW = struct.Struct("<4x 4s 2s2x 4s 2s2x I")
ROW6 = struct.Struct("<16s 4x 2s2x 16s 4x 2s2x 4x I")


def connections(table: bytes, row: struct.Struct) -> Mapping[tuple[End, End], int]:
    """The process of each connection in `table`, by its own end and its peer's. The table is a count, then `row`s."""
    if not table:
        return {}
    found = {}
    count = min(int.from_bytes(table[:4], "little"), (len(table) - 4) // row.size)
    for local, local_port, remote, remote_port, process in row.iter_unpack(table[4 : 4 + count * row.size]):
        found[_parse_end(local, local_port), _parse_end(remote, remote_port)] = process
    return found


def _parse_end(address: bytes, port: bytes) -> End:
    return str(ip_address(address)), int.from_bytes(port, "big")


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _AF_INET, _AF_INET6 = 2, 23
    _TCP_TABLE_OWNER_PID_CONNECTIONS = 4
    _ERROR_INSUFFICIENT_BUFFER = 122
    _PROCESS_QUERY_LIMITED_INFORMATION = 0x1000
    _TOKEN_QUERY = 0x0008
    _TOKEN_USER = 1
    _SERVICES = 0

    _kernel, _security = ctypes.WinDLL("kernel32"), ctypes.WinDLL("advapi32")
    _get_table = ctypes.WinDLL("iphlpapi").GetExtendedTcpTable
    _get_table.argtypes = (
        *(ctypes.c_void_p, ctypes.POINTER(wintypes.DWORD), wintypes.BOOL),
        *(wintypes.ULONG, ctypes.c_int, wintypes.ULONG),
    )
    _kernel.ProcessIdToSessionId.argtypes = (wintypes.DWORD, ctypes.POINTER(wintypes.DWORD))
    _kernel.OpenProcess.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)
    _kernel.OpenProcess.restype = wintypes.HANDLE
    _kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
    _security.OpenProcessToken.argtypes = (wintypes.HANDLE, wintypes.DWORD, ctypes.POINTER(wintypes.HANDLE))
    _security.GetTokenInformation.argtypes = (
        *(wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p),
        *(wintypes.DWORD, ctypes.POINTER(wintypes.DWORD)),
    )
    _security.GetLengthSid.argtypes = (ctypes.c_void_p,)
    _security.GetLengthSid.restype = wintypes.DWORD

    def is_of_other_user(ours: End, theirs: End) -> bool:
        """Whether the end `theirs` of a connection to `ours` is another user's. False where Windows does not tell."""
        family, row = (_AF_INET6, ROW6) if ":" in theirs[0] else (_AF_INET, ROW)
        process = connections(_read_table(family), row).get((theirs, ours))
        if process is None:
            return False
        return _session(process) not in (_SERVICES, _session(os.getpid())) and _user(process) != _user(os.getpid())

    def _read_table(family: int) -> bytes:
        size, status = wintypes.DWORD(0), _ERROR_INSUFFICIENT_BUFFER
        buffer = ctypes.create_string_buffer(0)
        while status == _ERROR_INSUFFICIENT_BUFFER:  # the table may have grown since it was measured
            buffer = ctypes.create_string_buffer(size.value)
            status = _get_table(buffer, ctypes.byref(size), 0, family, _TCP_TABLE_OWNER_PID_CONNECTIONS, 0)
        return buffer.raw if status == 0 else b""

    def _session(process: int) -> int | None:
        """The session of `process`, None if it has ended."""
        session = wintypes.DWORD()
        return session.value if _kernel.ProcessIdToSessionId(process, ctypes.byref(session)) else None

    def _user(process: int) -> bytes | None:
        """The security identifier of the user of `process`, None if Windows does not let us read it."""
        opened, token = _kernel.OpenProcess(_PROCESS_QUERY_LIMITED_INFORMATION, 0, process), wintypes.HANDLE()
        if not opened:
            return None
        answers = _security.OpenProcessToken(opened, _TOKEN_QUERY, ctypes.byref(token))
        _kernel.CloseHandle(opened)
        if not answers:
            return None
        buffer, size = ctypes.create_string_buffer(256), wintypes.DWORD()
        answers = _security.GetTokenInformation(token, _TOKEN_USER, buffer, len(buffer), ctypes.byref(size))
        _kernel.CloseHandle(token)
        if not answers:
            return None
        identifier = ctypes.c_void_p.from_buffer(buffer)  # TOKEN_USER begins with a pointer to it
        return ctypes.string_at(identifier.value or 0, _security.GetLengthSid(identifier))
