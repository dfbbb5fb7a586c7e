"""All known clients."""

from mcp_auth_bridge.clients.graphical_clients import (
    ANTIGRAVITY,
    CLAUDE_DESKTOP,
    CONTINUE,
    CURSOR,
    GOOSE,
    JETBRAINS_COPILOT,
    JUNIE,
    KIRO,
    LM_STUDIO,
    ROO,
    VISUAL_STUDIO,
    VS_CODE,
    WARP,
    WINDSURF,
    ZED,
)
from mcp_auth_bridge.clients.terminal_clients import AMP, CLAUDE_CODE, CLINE, CODEX, COPILOT, GEMINI, KIRO_CLI, OPENCODE

CLIENTS = (
    *(KIRO, KIRO_CLI, CLAUDE_DESKTOP, CLAUDE_CODE, CURSOR, VS_CODE, WINDSURF, ZED, CODEX, GEMINI, COPILOT, OPENCODE),
    *(CLINE, ANTIGRAVITY, LM_STUDIO, AMP, WARP, VISUAL_STUDIO, JUNIE, JETBRAINS_COPILOT, ROO, GOOSE, CONTINUE),
)
"""In the order in which they are reported."""
