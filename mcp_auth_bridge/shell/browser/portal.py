"""The desktop portal: it opens a URL for a program that cannot see the display (org.freedesktop.portal.OpenURI).

Codex starts its servers without `DISPLAY`, although the user sits in front of it; the portal knows the display. It is
reached over the session bus, so that no command line holds the URL. Only a portal that answers counts.

`jeepney` comes with `keyring` on Linux. It is imported only where a login begins without a display.
"""

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PATIENCE = 1.0
"""Seconds for one answer of the bus or the portal, both of which run on this machine."""

_INTERFACE = "org.freedesktop.portal.OpenURI"
_RUNTIME = Path("/run/user")  # pam_systemd(8): where XDG_RUNTIME_DIR lies


def is_available(environ: Mapping[str, str]) -> bool:
    """Whether a portal answers on the session bus. Takes up to three seconds: call it in a thread."""
    return _call(environ, "org.freedesktop.DBus.Properties", "Get", "ss", (_INTERFACE, "version"))


def open_by_portal(address: str, environ: Mapping[str, str]) -> bool:
    """Have the portal open `address`, which the URL gate has passed. Returns whether the portal accepted it."""
    return _call(environ, _INTERFACE, "OpenURI", "ssa{sv}", ("", address, {}))


def _call(environ: Mapping[str, str], interface: str, method: str, signature: str, body: tuple[Any, ...]) -> bool:
    """Whether the portal answers a call without an error. Any: D-Bus types."""
    bus = _session_bus(environ) if sys.platform == "linux" else ""
    if not bus:
        return False
    try:
        from jeepney import DBusAddress, MessageType, new_method_call
        from jeepney.io.blocking import open_dbus_connection

        portal = DBusAddress("/org/freedesktop/portal/desktop", "org.freedesktop.portal.Desktop", interface)
        with contextlib.closing(open_dbus_connection(bus, auth_timeout=_PATIENCE)) as connection:
            call = new_method_call(portal, method, signature, body)
            answer = connection.send_and_get_reply(call, timeout=_PATIENCE)
            return bool(answer.header.message_type is MessageType.method_return)
    except Exception:  # noqa: BLE001 - a library and two daemons raise many kinds; each means that there is no portal
        return False


def _session_bus(environ: Mapping[str, str]) -> str:
    """The address of the session bus, "" for none: the one in `environ`, else systemd's."""
    if address := environ.get("DBUS_SESSION_BUS_ADDRESS", ""):
        return address
    path = _RUNTIME / str(os.getuid()) / "bus"
    return f"unix:path={path}" if path.is_socket() else ""
