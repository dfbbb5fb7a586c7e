"""How the clients with windows want an entry written, as data. No entry needs a variable or a timeout there."""

from collections.abc import Mapping

from mcp_auth_bridge.clients.entry_form import EntryForm, Target
from mcp_auth_bridge.clients.graphical_clients import (
    ANTIGRAVITY,
    CLAUDE_DESKTOP,
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

_SERVERS = ("mcpServers",)
_Forms = Mapping[tuple[str, ...], EntryForm]
_PLAIN: _Forms = {_SERVERS: EntryForm()}
_TYPED: _Forms = {("servers",): EntryForm({"type": "stdio"})}

TARGETS = (
    Target(
        "kiro",
        KIRO,
        KIRO.files[:1],
        _PLAIN,  # no timeout: its unit changed from seconds to milliseconds (kirodotdev/powers #161)
        KIRO.files[1:],
        source="kiro.dev/docs/mcp/configuration, 2026-11-30",
    ),
    Target(
        "claude-desktop",
        CLAUDE_DESKTOP,
        CLAUDE_DESKTOP.files,
        _PLAIN,
        source="modelcontextprotocol.io/docs/develop/connect-local-servers, 2026-11-30",
    ),
    Target(
        "cursor", CURSOR, CURSOR.files[:1], _PLAIN, CURSOR.files[1:], source="cursor.com/docs/context/mcp, 2026-11-30"
    ),
    Target(
        "vscode",
        VS_CODE,
        VS_CODE.files[:1],
        _TYPED,
        VS_CODE.files[3:],
        "start the server from the list of MCP servers in VS Code, and trust it when VS Code asks",
        "start the server from .vscode/mcp.json in VS Code, and trust it when VS Code asks",
        source="code.visualstudio.com/docs/copilot/customization/mcp-servers, 2026-11-30",
    ),
    Target(
        "vscode-insiders",
        VS_CODE,
        VS_CODE.files[1:2],
        _TYPED,
        VS_CODE.files[3:],
        "start the server from the list of MCP servers in VS Code, and trust it when VS Code asks",
        "start the server from .vscode/mcp.json in VS Code, and trust it when VS Code asks",
        source="code.visualstudio.com/docs/copilot/customization/mcp-servers, 2026-11-30",
    ),
    Target("windsurf", WINDSURF, WINDSURF.files, _PLAIN, source="docs.devin.ai/desktop/cascade/mcp, 2026-11-30"),
    Target(
        "zed",
        ZED,
        ZED.files[:2],
        {("context_servers",): EntryForm()},
        ZED.files[2:],
        workspace_wants="trust the folder in Zed",
        source="zed.dev/docs/ai/mcp, 2026-11-30",
    ),
    Target("lm-studio", LM_STUDIO, LM_STUDIO.files, _PLAIN, source="lmstudio.ai/docs/app/mcp, 2026-11-30"),
    Target("junie", JUNIE, JUNIE.files[:1], _PLAIN, JUNIE.files[1:], source="jetbrains.com/help/junie, 2026-11-30"),
    Target(
        "jetbrains-copilot",
        JETBRAINS_COPILOT,
        JETBRAINS_COPILOT.files,
        _TYPED,
        source="docs.github.com/copilot (JetBrains IDEs), 2026-11-30",
    ),
    Target(
        "goose",
        GOOSE,
        GOOSE.files,
        {
            ("extensions",): EntryForm(
                {"type": "stdio"},
                "cmd",
                "args",
                "envs",
                "name",
                tail={"enabled": True, "timeout": 300},  # seconds
            )
        },
        source="block.github.io/goose (config.yaml), 2026-11-30",
    ),
    Target(
        "antigravity",
        ANTIGRAVITY,
        ANTIGRAVITY.files,
        _PLAIN,
        source="jcodemunch-mcp 1.108.89, 2026-11-30",
    ),
    Target("warp", WARP, WARP.files[:1], _PLAIN, WARP.files[1:], source="docs.warp.dev (MCP), 2026-11-30"),
    Target(
        "visual-studio",
        VISUAL_STUDIO,
        VISUAL_STUDIO.files[:1],
        _TYPED,
        VISUAL_STUDIO.files[1:2],
        source="learn.microsoft.com/visualstudio (MCP servers), 2026-11-30",
    ),
    Target("roo", ROO, ROO.files[:2], _PLAIN, ROO.files[2:], source="docs.roocode.com, 2026-11-30"),
)
