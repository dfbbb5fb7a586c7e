"""The program under test: every test that starts it as a process starts this, so that `--canaries` hears each."""

import os
import sys
from pathlib import Path


def command() -> str:
    """`MCP_AUTH_BRIDGE_COMMAND`, else the script that was installed beside this Python."""
    return os.environ.get("MCP_AUTH_BRIDGE_COMMAND") or str(Path(sys.executable).with_name("mcp-auth-bridge"))
