"""The entries that real clients from npm write with their own commands are found where the bridge looks for them."""

import subprocess
from pathlib import Path

import anyio
import pytest
from peer import install_node_modules, node
from peers.clients import CLIENTS, NOWHERE
from thoroughness import is_thorough

from mcp_auth_bridge.clients import known_clients as known
from mcp_auth_bridge.clients.client import Client, Platform, System
from mcp_auth_bridge.doctor.client_files import read_client_files

pytestmark = pytest.mark.slow

WORDS = ["/opt/bin/mcp-auth-bridge", "run", "https://mcp.acme.example/mcp"]
ADDING = {
    "claude": (known.CLAUDE_CODE, ["mcp", "add", "-s", "user", "mine", "--", *WORDS]),
    "codex": (known.CODEX, ["mcp", "add", "mine", "--", *WORDS]),
    "gemini": (known.GEMINI, ["mcp", "add", "-s", "user", "mine", *WORDS]),
    "copilot": (known.COPILOT, ["mcp", "add", "mine", "--", *WORDS]),
    "cline": (known.CLINE, ["mcp", "add", "--yes", "mine", "--", *WORDS]),
}
"""The arguments of each program, and the client whose file it writes."""


@pytest.mark.parametrize("program", ADDING)
def test_the_entry_that_a_client_writes_is_found(program: str, tmp_path: Path) -> None:
    if not is_thorough():
        pytest.skip("plays with --thorough: the clients have 2 GB together")
    client, arguments = ADDING[program]
    [npm] = [each for each in CLIENTS if each.program == program]
    _add([str(npm.installed(_node())), *arguments], tmp_path)
    [argv] = _found(client, tmp_path)
    assert argv == tuple(WORDS)


def _node() -> Path:
    install_node_modules()
    return Path(node())


def _add(argv: list[str], home: Path) -> None:
    (home / "work").mkdir()
    environment = {
        "PATH": f"{_node().parent}:/usr/bin:/bin",
        "HOME": str(home),
        "TERM": "dumb",
        "HTTPS_PROXY": NOWHERE,
        "HTTP_PROXY": NOWHERE,
    }
    subprocess.run(argv, cwd=home / "work", env=environment, stdin=subprocess.DEVNULL, check=True, timeout=100)


def _found(client: Client, home: Path) -> list[tuple[str, ...]]:
    system = System(Platform.LINUX, str(home), str(home / "work"), {})
    files = anyio.run(read_client_files, system, ["mcp-auth-bridge"])
    assert files.unread == ()
    return [entry.argv for entry in files.entries if entry.client is client]
