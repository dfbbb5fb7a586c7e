"""A user at a terminal with the installed program, a configuration and real servers."""

import asyncio
import json
import shlex
import subprocess
import sys

from faults.bridge import environment
from program import command
from terminals import HANG, typing

CONSENT = shlex.join([sys.executable, "-m", "mcp_auth_bridge.demo.consent"])


class Desk:
    """A home with servers to log in to; the user's browser clicks Allow."""

    def __init__(self, folder):
        self.home, self.environment = folder, environment(folder)
        (folder / "tmp").mkdir()
        self.file = folder / "config.toml"
        key = folder / "sealing.key"
        key.touch(0o600)
        key.write_text("bWNwLWF1dGgtYnJpZGdlLWVuZC10by1lbmQtdGVzdHM=\n")
        self.write("[store]", 'kind = "key_file"', f"path = {json.dumps(str(key))}")

    def write(self, *lines):
        before = self.file.read_text() if self.file.exists() else ""
        self.file.write_text(before + "".join(f"{line}\n" for line in lines))

    def add(self, name, url, *lines):
        self.write(f"[servers.{name}]", f'url = "{url}"', f"browser_command = {json.dumps(CONSENT)}", *lines)

    async def run(self, *arguments):
        """Run a command with a stdin, stdout and stderr that are not terminals."""
        return await asyncio.to_thread(
            subprocess.run,
            [command(), *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=HANG,
        )

    async def type(self, answers, *arguments):
        return await asyncio.to_thread(typing, [command(), *arguments], self.environment, answers)

    async def states(self):
        done = await self.run("status", "--json")
        return {line["server"]: line["state"] for line in json.loads(done.stdout)}
