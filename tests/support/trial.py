"""A new user's machine: an empty home, a desktop with a keyring and a browser that says yes, the bridge from a wheel.

    PYTHONPATH=tests/support:tests/e2e uv run python tests/support/trial.py

prints the seconds from a URL to the first tool call in real clients, and from there to a machine without the bridge.
`tests/e2e/test_trial.py` plays the same story and measures nothing.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from client_table import RESULT, outcome
from documents import ROOT
from peer import PEERS, install_node_modules, node
from peers.clients import CLIENTS, KEYS, Client, Place, Prepared, without_entry
from peers.gateway import Gateway
from peers.keyring_session import KeyringSession, keyring_session
from peers.model import Model
from program import command

HANG = 300  # seconds; only a hang reaches them


class Trial:
    """The program is beside the home, so that `home` is empty but for what the bridge and the clients write."""

    def __init__(self, folder: Path, session: KeyringSession) -> None:
        self.session, self.home, self.program = session, folder / "home", folder / "program"
        desktop = folder / "desktop"
        for made in (self.home, self.program, desktop):
            made.mkdir(0o700)
        self._log = desktop / "browser.log"
        opener = desktop / "xdg-open"
        opener.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{PEERS}/browser.py" --log "{self._log}" "$@"\n')
        opener.chmod(0o700)
        self.desktop = {
            "DISPLAY": ":0",
            "DBUS_SESSION_BUS_ADDRESS": session.environment["DBUS_SESSION_BUS_ADDRESS"],
            "XDG_RUNTIME_DIR": session.environment["XDG_RUNTIME_DIR"],
        }
        path = os.pathsep.join([str(self.program / "bin"), str(desktop), "/usr/local/bin", "/usr/bin", "/bin"])
        self.command = command()
        self.environment = {"PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8", **self.desktop}

    def install_wheel(self) -> None:
        """Build the wheel of this clone, and install it with uv. Skips the test without uv."""
        uv = os.environ.get("UV") or shutil.which("uv")
        if uv is None:
            pytest.skip("uv is not on PATH")
        wheels = self.program / "dist"
        subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", str(wheels), str(ROOT)], check=True)
        self.environment["PATH"] += f"{os.pathsep}{Path(uv).parent}"
        own = {"UV_TOOL_DIR": str(self.program / "tools"), "UV_TOOL_BIN_DIR": str(self.program / "bin")}
        self.environment |= own
        install = [uv, "tool", "install", "--quiet", "--python", sys._base_executable, *map(str, wheels.glob("*.whl"))]
        subprocess.run(install, env={**os.environ, **own}, check=True)
        self.command = "mcp-auth-bridge"

    def run(self, *words: str, given: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """One command of the bridge, as typed in a terminal of the desktop."""
        return subprocess.run(
            [self.command, *words],
            env=self.environment,
            cwd=cwd or self.home,
            input=given,
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        )

    @property
    def logins(self) -> int:
        """How many sign-in pages the browser has opened."""
        return len(self._log.read_text().splitlines()) if self._log.exists() else 0

    def tree(self) -> dict[str, bytes | None]:
        """What `find` shows below the home, files with their content."""
        return {
            str(path.relative_to(self.home)): path.read_bytes() if path.is_file() else None
            for path in self.home.rglob("*")
        }

    def traces(self, before: dict[str, bytes | None], but: tuple[str, ...] = ()) -> dict[str, bytes | None]:
        """What is new, gone or different since `before`, apart from everything below the paths `but`."""
        after = self.tree()
        return {
            path: after.get(path)
            for path in {*before, *after}
            if (path in before, before.get(path)) != (path in after, after.get(path)) and not path.startswith(but)
        }


@contextlib.contextmanager
def clean_machine() -> Iterator[Trial]:
    """A machine with the program that is under test."""
    with keyring_session() as session, tempfile.TemporaryDirectory(prefix="trial-") as folder:
        yield Trial(Path(folder), session)


@contextlib.contextmanager
def trial() -> Iterator[Trial]:
    """A machine with the wheel installed."""
    with clean_machine() as machine:
        machine.install_wheel()
        yield machine


class Figures(NamedTuple):
    """Seconds of one client."""

    # its name
    client: str
    # the command `install`, with a login if one is missing
    install: float
    # from the start of `install` to the result of the first tool call
    first_call: float
    # sign-in pages that the browser has opened
    logins: int
    # how the client's session ended, in the words of docs/clients.md
    outcome: str


def entry_of(machine: Trial) -> dict[str, Any]:
    """The only server of Claude Code."""
    (entry,) = json.loads((machine.home / ".claude.json").read_text())["mcpServers"].values()
    return entry


PLAYED = ("claude", "codex")
"""The programs of the clients in the trial."""


def play(machine: Trial, client: Client, url: str, node_path: Path) -> Figures:
    """One command that installs the server `url` into `client`, and a session of it that calls a tool."""
    with Model() as model:
        place = Place(machine.home, machine.home, model.url)
        prepared = without_entry(client, place, urlsplit(url).netloc.replace(".", "-").replace(":", "-"))
        before = machine.logins
        began = time.monotonic()
        done = machine.run("install", KEYS[client.program], url)
        assert done.returncode == 0, done.stderr
        installed = time.monotonic()
        said = client.run_prepared(
            place, node_path, Prepared(prepared.arguments, {**prepared.variables, **machine.desktop})
        )
        called = time.monotonic()
        ended = outcome(said, model.results, 0)
        return Figures(client.name, installed - began, called - began, machine.logins - before, ended)


def _main() -> None:
    install_node_modules()
    node_path = Path(node())
    clients = [client for client in CLIENTS if client.program in PLAYED]
    for client in clients:
        client.installed(node_path)
    began = time.monotonic()
    with trial() as machine, Gateway() as gateway:
        sys.stdout.write(f"{time.monotonic() - began:6.1f} s  the wheel built and installed\n")
        for client in clients:
            figures = play(machine, client, gateway.url, node_path)
            sys.stdout.write(
                f"{figures.install:6.1f} s  {figures.client}: installed with one command, {figures.logins} login\n"
                f"{figures.first_call:6.1f} s  {figures.client}: from the URL to the first tool call"
                f" ({figures.outcome})\n"
            )
        began = time.monotonic()
        done = machine.run("uninstall", "--everything", "--yes")
        assert done.returncode == 0, done.stderr
        sys.stdout.write(f"{time.monotonic() - began:6.1f} s  away again\n")


__all__ = ["PLAYED", "RESULT", "Trial", "entry_of", "play", "trial"]

if __name__ == "__main__":
    _main()
