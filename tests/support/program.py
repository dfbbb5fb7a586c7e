"""The program under test: every test that starts it as a process uses this, so that `--canaries` records each one."""

import os
import sys
from pathlib import Path


def command() -> str:
    """`MCP_AUTH_BRIDGE_COMMAND`, or else the script that is installed beside this Python."""
    return os.environ.get("MCP_AUTH_BRIDGE_COMMAND") or str(Path(sys.executable).with_name("mcp-auth-bridge"))
