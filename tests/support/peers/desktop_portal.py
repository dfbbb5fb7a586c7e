"""A session bus with a desktop portal: it keeps the URLs that it is asked to open.

python desktop_portal.py BUS: serves on the bus at that address, prints a line once it does, then a line for each URL.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from needs import missing
from peers.keyring_session import BUS

NAME = "org.freedesktop.portal.Desktop"


class DesktopSession:
    """`opened` are the URLs so far."""

    def __init__(self, folder: Path, behaviour: str) -> None:
        self.address = f"unix:path={folder / 'bus'}"
        self.opened: list[str] = []
        (folder / "bus.conf").write_text(BUS.format(socket=folder / "bus"))
        self._running: list[subprocess.Popen] = []
        self._collecting: threading.Thread | None = None
        self._start("dbus-daemon", f"--config-file={folder / 'bus.conf'}", "--nofork", "--print-address")
        if behaviour:
            self._portal = self._start(sys.executable, __file__, self.address, behaviour)
            self._collecting = threading.Thread(target=self._collect)
            self._collecting.start()

    def _collect(self) -> None:
        for line in self._portal.stdout:
            self.opened.append(line.decode().rstrip("\n"))

    def _start(self, *command: str) -> subprocess.Popen:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
        self._running.append(process)
        process.stdout.readline()  # it is ready
        return process

    def close(self) -> None:
        for process in reversed(self._running):
            process.kill()
            process.wait()
        if self._collecting is not None:
            self._collecting.join()
        for process in self._running:
            process.stdout.close()


@contextlib.contextmanager
def desktop_session(behaviour: str = "opens") -> Iterator[DesktopSession]:
    """A session whose portal `opens` URLs, `refuses` them, or is `silent`; without a portal for ""."""
    if reason := missing("dbus-daemon"):
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="portal-") as folder:
        session = DesktopSession(Path(folder), behaviour)
        try:
            yield session
        finally:
            session.close()


def _serve(address: str, behaviour: str) -> None:
    from jeepney import HeaderFields, new_error, new_method_return
    from jeepney.bus_messages import message_bus
    from jeepney.io.blocking import Proxy, open_dbus_connection

    connection = open_dbus_connection(address)
    Proxy(message_bus, connection).RequestName(NAME)
    print("ready", flush=True)  # noqa: T201
    while True:
        call = connection.receive()
        method = call.header.fields.get(HeaderFields.member)
        if behaviour == "silent" or method not in ("Get", "OpenURI"):
            continue
        if behaviour == "refuses":
            connection.send(new_error(call, "org.freedesktop.portal.Error.NotAllowed"))
        elif method == "Get":
            connection.send(new_method_return(call, "v", (("u", 5),)))
        else:
            print(call.body[1], flush=True)  # noqa: T201
            connection.send(new_method_return(call, "o", ("/org/freedesktop/portal/desktop/request/1",)))


if __name__ == "__main__":
    _serve(*sys.argv[1:])
