"""A real GNOME Keyring on its own D-Bus session, separate from the developer's.

A test that needs it is skipped if `PROGRAMS` are not installed. The bus starts no service by itself, so a killed
keyring
stays dead and no service can show an unlock prompt.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from needs import missing

PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")
NAME = "org.freedesktop.secrets"

BUS = """\
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>
"""


class KeyringSession:
    def __init__(self, folder: Path, *, collection: bool) -> None:
        for name in ("home", "run"):
            (folder / name).mkdir(mode=0o700)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder / 'bus'}",
        }
        (folder / "bus.conf").write_text(BUS.format(socket=folder / "bus"))
        self._running: list[subprocess.Popen] = []
        try:
            configured = f"--config-file={folder / 'bus.conf'}"
            self._bus = self._start("dbus-daemon", configured, "--nofork", "--print-address")
            self._bus.stdout.readline()  # it prints its address once it listens
            self.start_keyring(unlocked=collection)
        except BaseException:
            self.close()
            raise

    def start_keyring(self, *, unlocked: bool = True) -> None:
        """Starts as at a desktop login, with the previous collection if there was one."""
        unlock = ["--unlock"] if unlocked else []
        self._daemon = self._start("gnome-keyring-daemon", *unlock, "--components=secrets", "--foreground")
        self._daemon.stdin.write(b"password")
        self._daemon.stdin.close()
        self._wait_for_keyring()

    def lock(self) -> None:
        """Lock the collection, as a screen lock or a desktop logout does."""
        with self._collection() as collection:
            collection.lock()

    def put(self, service: str, name: str, value: str) -> None:
        """Store like `secret-tool store`, with the attributes that the library `keyring` uses to find an entry."""
        with self._collection() as collection:
            collection.create_item(name, {"service": service, "username": name}, value.encode())

    def items(self) -> list[dict[str, str]]:
        """The attributes of each item in the collection, without one that gnome-keyring adds by itself."""
        with self._collection() as collection:
            found = [item.get_attributes() for item in collection.get_all_items()]
        return [{name: value for name, value in item.items() if name != "xdg:schema"} for item in found]

    def stop_answering(self) -> None:
        """Accept requests and never answer, as behind a dialog that no user sees."""
        self._daemon.send_signal(signal.SIGSTOP)

    def kill_keyring(self) -> None:
        self._end(self._daemon)

    def kill_bus(self) -> None:
        self._end(self._bus)

    def close(self) -> None:
        """End all started processes, however far the start came."""
        while self._running:
            self._end(self._running[-1])

    def _start(self, *command: str) -> subprocess.Popen:
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        process = subprocess.Popen(command, env=self.environment, stdin=pipe, stdout=pipe, stderr=null)
        self._running.append(process)
        return process

    @contextlib.contextmanager
    def _collection(self) -> Iterator[Any]:
        import secretstorage  # like jeepney, a dependency of ours on Linux only
        from jeepney.io.blocking import open_dbus_connection

        with contextlib.closing(open_dbus_connection(self.environment["DBUS_SESSION_BUS_ADDRESS"])) as connection:
            yield secretstorage.get_default_collection(connection)

    def _wait_for_keyring(self) -> None:
        from jeepney import MatchRule, message_bus
        from jeepney.io.blocking import Proxy, open_dbus_connection

        rule = MatchRule(type="signal", interface="org.freedesktop.DBus", member="NameOwnerChanged")
        rule.add_arg_condition(0, NAME)
        with contextlib.closing(open_dbus_connection(self.environment["DBUS_SESSION_BUS_ADDRESS"])) as connection:
            bus = Proxy(message_bus, connection, timeout=20)
            bus.AddMatch(rule)
            with connection.filter(rule) as appeared:
                if not bus.NameHasOwner(NAME)[0]:
                    connection.recv_until_filtered(appeared, timeout=20)

    def _end(self, process: subprocess.Popen) -> None:
        if process in self._running:
            self._running.remove(process)
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            pipe.close()


@contextlib.contextmanager
def keyring_session(*, collection: bool = True) -> Iterator[KeyringSession]:
    """A session with an unlocked collection, or without one; its folder has a short path, because it holds sockets."""
    if reason := missing(*PROGRAMS):
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="keyring-") as folder:
        session = KeyringSession(Path(folder), collection=collection)
        try:
            yield session
        finally:
            session.close()
