"""A home folder of its own for the program."""

import os
import subprocess

from program import command

CONFIG = '[servers.acme]\nurl = "https://acme.example/mcp"\n'


class Home:
    """A home folder, in which the program is run."""

    def __init__(self, folder):
        self.folder = folder
        self.config = folder / "bridge" / "config.toml"
        self.config.parent.mkdir()
        self.config.write_text(CONFIG)

    def run(self, *words, cwd=None):
        names = ("PATH", "LANG", "COVERAGE_PROCESS_START", "SYSTEMROOT")
        environ = {name: os.environ[name] for name in names if name in os.environ}
        environ |= {"HOME": str(self.folder), "MCP_AUTH_BRIDGE_HOME": str(self.config.parent)}
        return subprocess.run(
            [command(), *words],
            env=environ,
            cwd=cwd or self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def file(self, path, text=None):
        made = self.folder / path
        if text is not None:
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_bytes(text.encode())
        return made

    def tree(self):
        return {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
