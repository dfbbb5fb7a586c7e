"""Commands about the configuration file, run in this process below a folder of their own."""

import asyncio

from mcp_auth_bridge.app.context import load_context_or_default
from mcp_auth_bridge.config.store import MemoryStoreSettings
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.shell.files.paths import paths_below

ACME = "https://mcp.acme.example/mcp"
OTHERS = """\
# mine
[store]
kind = "memory"

# the first one
[servers.first]   # keep this
url = "https://first.example/mcp"
"""


class ConfigFolder:
    """A folder with a configuration file, and the lines that commands print."""

    def __init__(self, folder, capsys):
        self.folder, self.capsys = folder, capsys
        self.file = folder / "config.toml"
        self.environ = {"HOME": str(folder)}

    @property
    def context(self):
        context = load_context_or_default(lambda: paths_below(self.folder), self.file, MemoryStoreSettings())
        return type(context)(context.paths, context.config, self.environ, context.error)

    def write(self, text):
        self.file.write_bytes(text.encode())
        return text

    @property
    def text(self):
        return self.file.read_bytes().decode()

    def run(self, story, given):
        """The exit code of the command, or its error; then stdout and the sentences on stderr."""
        try:
            outcome = asyncio.run(story(given, self.context))
        except BridgeError as error:
            outcome = error
        out, err = self.capsys.readouterr()
        return outcome, out, err.replace("mcp-auth-bridge: ", "").splitlines()
