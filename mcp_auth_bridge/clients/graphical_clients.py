"""The clients with windows, as data: from their documentation, their source, and the reports of their users.

kiro.dev/docs/mcp/configuration, modelcontextprotocol.io/docs/develop/connect-local-servers (Claude Desktop),
cursor.com/docs/context/mcp, code.visualstudio.com/docs/copilot/customization/mcp-servers,
docs.devin.ai/desktop/cascade/mcp (Windsurf), zed.dev/docs/ai/mcp, lmstudio.ai/docs/app/mcp, docs.warp.dev (MCP),
learn.microsoft.com/visualstudio (MCP servers), jetbrains.com/help/junie.
"""

from functools import partial

from mcp_auth_bridge.clients.client import Client, ConfigFile, Expansion, Format, Launch, Place, Platform

_VS_SERVERS = (("servers",),)
_NOT_WINDOWS = (Platform.LINUX, Platform.MACOS)
_WINDOWS = (Platform.WINDOWS,)
_user = partial(ConfigFile, Place.HOME)
_project = partial(ConfigFile, Place.WORKSPACE)
_application = partial(ConfigFile, Place.APPLICATIONS)

KIRO = Client(
    "Kiro",
    # An installed power has copies of its servers, named power-POWER-SERVER (Kiro #7432, #11018).
    (
        _user(".kiro/settings/mcp.json", (("mcpServers",), ("powers", "mcpServers"))),
        _project(".kiro/settings/mcp.json"),
    ),
    Launch.DESKTOP,  # Kiro #1850, #2028: `spawn uvx ENOENT` when started from the dock
    (Expansion.BRACES,),  # only names that the user has approved ("Mcp Approved Env Vars")
    "save the file in Kiro, and it connects again",
    "Kiro",
    patience=60.0,  # Kiro #2566, #11465
)

CLAUDE_DESKTOP = Client(
    "Claude Desktop",
    (
        _application("Claude/claude_desktop_config.json", format=Format.JSON),
        ConfigFile(
            Place.LOCAL,  # the build of the Microsoft Store
            "Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json",
            format=Format.JSON,
            platforms=_WINDOWS,
        ),
    ),
    Launch.DESKTOP,  # modelcontextprotocol/servers #760, ahujasid/blender-mcp #179
    (),
    "quit Claude Desktop and start it again",
    "claude-ai",
    patience=60.0,  # claude-code #84136
)

CURSOR = Client(
    "Cursor",
    (_user(".cursor/mcp.json"), _project(".cursor/mcp.json")),
    Launch.DESKTOP,
    (Expansion.EDITOR,),
    "switch the server off and on in Cursor's settings",
    "cursor-vscode",
    capabilities={"roots": {"listChanged": False}},
    patience=60.0,  # cursor #3887
)

VS_CODE = Client(
    "VS Code",
    (
        _application("Code/User/mcp.json", _VS_SERVERS),
        _application("Code - Insiders/User/mcp.json", _VS_SERVERS),
        _application("Code/User/settings.json", (("mcp", "servers"),)),
        _project(".vscode/mcp.json", _VS_SERVERS),
    ),
    Launch.SHELL,
    (Expansion.EDITOR, Expansion.TILDE),
    "restart the server from the list of MCP servers in VS Code",
    "Visual Studio Code",
    capabilities={"roots": {"listChanged": True}, "sampling": {}, "elicitation": {"form": {}, "url": {}}},
)

WINDSURF = Client(
    "Windsurf",
    (_user(".codeium/windsurf/mcp_config.json"),),
    Launch.DESKTOP,
    (Expansion.EDITOR,),
    "refresh the list of MCP servers in Windsurf",
    "windsurf-client",
)

ZED = Client(
    "Zed",
    (
        ConfigFile(Place.HOME, ".config/zed/settings.json", (("context_servers",),), Format.JSONC, _NOT_WINDOWS),
        ConfigFile(
            Place.APPLICATIONS,
            "Zed/settings.json",
            (("context_servers",),),
            Format.JSONC,
            (Platform.MACOS, Platform.WINDOWS),
        ),
        _project(".zed/settings.json", (("context_servers",),)),
    ),
    Launch.SHELL,
    (),
    "save the file in Zed, and it starts the server again",
    "Zed",
    patience=60.0,
)

ANTIGRAVITY = Client(
    "Antigravity",
    # the first since version 2, also for its program for the terminal (jcodemunch-mcp 1.108.89)
    (_user(".gemini/config/mcp_config.json"), _user(".gemini/antigravity/mcp_config.json")),
    Launch.DESKTOP,
    (),
    "refresh the list of MCP servers in Antigravity",
    "antigravity",
)

LM_STUDIO = Client(
    "LM Studio",
    # lmstudio-bug-tracker #1371: an older installation has its folder below ~/.cache
    (_user(".lmstudio/mcp.json"), _user(".cache/lm-studio/mcp.json")),
    Launch.DESKTOP,
    (),
    "save the file in LM Studio, and it starts the server again",
    "lm-studio",
)

WARP = Client(
    "Warp",
    (_user(".warp/.mcp.json"), _project(".warp/.mcp.json")),
    Launch.DESKTOP,
    (Expansion.BRACES,),
    "start the server again in Warp's settings",
    "warp",
)

VISUAL_STUDIO = Client(
    "Visual Studio",
    tuple(
        ConfigFile(place, path, _VS_SERVERS, Format.JSONC, _WINDOWS)
        for place, path in (
            (Place.HOME, ".mcp.json"),
            (Place.WORKSPACE, ".vs/mcp.json"),
            (Place.WORKSPACE, ".mcp.json"),
            (Place.WORKSPACE, ".vscode/mcp.json"),
            (Place.WORKSPACE, ".cursor/mcp.json"),
        )
    ),
    Launch.DESKTOP,
    (),
    "restart Visual Studio",
    "visual-studio",
)

JUNIE = Client(
    "Junie",
    (_user(".junie/mcp/mcp.json"), _project(".junie/mcp/mcp.json")),
    Launch.DESKTOP,
    (),
    "restart the JetBrains IDE",
    "junie",
)

JETBRAINS_COPILOT = Client(
    "GitHub Copilot in JetBrains IDEs",
    (
        ConfigFile(Place.HOME, ".config/github-copilot/intellij/mcp.json", _VS_SERVERS, Format.JSONC, _NOT_WINDOWS),
        ConfigFile(Place.LOCAL, "github-copilot/intellij/mcp.json", _VS_SERVERS, Format.JSONC, _WINDOWS),
    ),
    Launch.DESKTOP,
    (),
    "restart the JetBrains IDE",
    "github-copilot",
)

ROO = Client(
    "Roo Code",
    (
        *(
            _application(f"{editor}/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json")
            for editor in ("Code", "Cursor")
        ),
        _project(".roo/mcp.json"),
    ),
    Launch.SHELL,
    (Expansion.EDITOR,),
    "restart the server in Roo Code",
    "Roo Code",
)

GOOSE = Client(
    "Goose",
    (
        ConfigFile(Place.HOME, ".config/goose/config.yaml", (("extensions",),), Format.YAML, _NOT_WINDOWS),
        ConfigFile(Place.APPLICATIONS, "Block/goose/config/config.yaml", (("extensions",),), Format.YAML, _WINDOWS),
    ),
    Launch.DESKTOP,
    (),
    "begin a new session of Goose",
    "goose",
    "2025-03-26",
    patience=300.0,
)

CONTINUE = Client(
    "Continue",
    (ConfigFile(Place.HOME, ".continue/config.yaml", format=Format.YAML),),
    Launch.SHELL,
    (),
    "reload the window of the editor",
    "continue-client",
    patience=20.0,
)
