"""A real GNOME Keyring on a D-Bus session of its own, away from the one of whoever runs the tests.

Needs the Debian packages `dbus` and `gnome-keyring`; without them the tests fail, they are not skipped. The bus starts
no service by itself, so a killed keyring stays dead and an unlock prompt finds nobody who could show it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import secretstorage
from jeepney import MatchRule, message_bus
from jeepney.io.blocking import Proxy, open_dbus_connection

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
        self._bus = self._start("dbus-daemon", f"--config-file={folder / 'bus.conf'}", "--nofork", "--print-address")
        self._bus.stdout.readline()  # it prints its address when it listens
        self.start_keyring(unlocked=collection)

    def start_keyring(self, *, unlocked: bool = True) -> None:
        """As at a log-in; with the collection of before, if there was one."""
        unlock = ["--unlock"] if unlocked else []
        self._daemon = self._start("gnome-keyring-daemon", *unlock, "--components=secrets", "--foreground")
        self._daemon.stdin.write(b"password")
        self._daemon.stdin.close()
        self._wait_for_keyring()

    def lock(self) -> None:
        """Lock the collection, as a screen lock or a log-out does."""
        with contextlib.closing(open_dbus_connection(self.environment["DBUS_SESSION_BUS_ADDRESS"])) as connection:
            secretstorage.get_default_collection(connection).lock()

    def put(self, service: str, name: str, value: str) -> None:
        """As `secret-tool store`, with the attributes by which the library `keyring` looks for an entry."""
        with contextlib.closing(open_dbus_connection(self.environment["DBUS_SESSION_BUS_ADDRESS"])) as connection:
            collection = secretstorage.get_default_collection(connection)
            collection.create_item(name, {"service": service, "username": name}, value.encode())

    def stop_answering(self) -> None:
        """As with a dialog that nobody looks at: requests are taken and nothing comes back."""
        self._daemon.send_signal(signal.SIGSTOP)

    def kill_keyring(self) -> None:
        self._end(self._daemon)

    def kill_bus(self) -> None:
        self._end(self._bus)

    def close(self) -> None:
        self.kill_keyring()
        self.kill_bus()

    def _start(self, *command: str) -> subprocess.Popen:
        if shutil.which(command[0]) is None:
            raise AssertionError(f"{command[0]} is missing: apt-get install dbus gnome-keyring")
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        return subprocess.Popen(command, env=self.environment, stdin=pipe, stdout=pipe, stderr=null)

    def _wait_for_keyring(self) -> None:
        rule = MatchRule(type="signal", interface="org.freedesktop.DBus", member="NameOwnerChanged")
        rule.add_arg_condition(0, NAME)
        with contextlib.closing(open_dbus_connection(self.environment["DBUS_SESSION_BUS_ADDRESS"])) as connection:
            bus = Proxy(message_bus, connection, timeout=20)
            bus.AddMatch(rule)
            with connection.filter(rule) as appeared:
                if not bus.NameHasOwner(NAME)[0]:
                    connection.recv_until_filtered(appeared, timeout=20)

    @staticmethod
    def _end(process: subprocess.Popen) -> None:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            pipe.close()


@contextlib.contextmanager
def keyring_session(*, collection: bool = True) -> Iterator[KeyringSession]:
    """A session with an unlocked collection, or with none at all; its folder is short, because it holds sockets."""
    with tempfile.TemporaryDirectory(prefix="keyring-") as folder:
        session = KeyringSession(Path(folder), collection=collection)
        try:
            yield session
        finally:
            session.close()
