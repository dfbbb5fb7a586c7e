"""The known clients, as data. What is known of each comes from its documentation, its source, or a run of it.

Documentation: kiro.dev/docs/mcp/configuration and kiro.dev/docs/cli/mcp/configuration, code.claude.com/docs/en/mcp,
cursor.com/docs/context/mcp, code.visualstudio.com/docs/copilot/customization/mcp-servers,
docs.devin.ai/desktop/cascade/mcp, zed.dev/docs/ai/mcp, github.com/openai/codex docs/config.md,
geminicli.com/docs/tools/mcp-server, docs.github.com/copilot (Copilot CLI), opencode.ai/docs/mcp-servers,
docs.cline.bot/mcp, lmstudio.ai/docs/app/mcp, ampcode.com/manual, docs.warp.dev (MCP), learn.microsoft.com/visualstudio
(MCP servers), jetbrains.com/help/junie. `docs/clients.md` has runs of seven of them.
"""

from mcp_auth_bridge.clients.client import Client, ConfigFile, Expansion, Format, Launch, Place, Platform

_SERVERS = (("mcpServers",),)
_VS_SERVERS = (("servers",),)
_NOT_WINDOWS = (Platform.LINUX, Platform.MACOS)
_WINDOWS = (Platform.WINDOWS,)
_URLS: dict[str, dict[str, dict[str, str]]] = {"elicitation": {"form": {}, "url": {}}}


def _user(path: str, tables: tuple[tuple[str, ...], ...] = _SERVERS, syntax: Format = Format.JSONC) -> ConfigFile:
    return ConfigFile(Place.HOME, path, tables, syntax)


def _project(path: str, tables: tuple[tuple[str, ...], ...] = _SERVERS, syntax: Format = Format.JSONC) -> ConfigFile:
    return ConfigFile(Place.WORKSPACE, path, tables, syntax)


def _application(
    path: str, tables: tuple[tuple[str, ...], ...] = _SERVERS, syntax: Format = Format.JSONC
) -> ConfigFile:
    return ConfigFile(Place.APPLICATIONS, path, tables, syntax)


KIRO = Client(
    "Kiro",
    (_user(".kiro/settings/mcp.json"), _project(".kiro/settings/mcp.json")),
    Launch.DESKTOP,  # Kiro #1850, #2028: `spawn uvx ENOENT` when started from the dock
    (Expansion.BRACES,),  # only names that the user has approved ("Mcp Approved Env Vars")
    "save the file, and Kiro connects again",
    "Kiro",
    patience=60.0,  # Kiro #2566, #11465
)

KIRO_CLI = Client(
    "Kiro CLI",
    (
        _user(".kiro/settings/mcp.json"),
        _project(".kiro/settings/mcp.json"),
        _user(".kiro/agents/*.json"),
        _project(".kiro/agents/*.json"),
        _user(".aws/amazonq/mcp.json"),
    ),
    Launch.TERMINAL,
    (Expansion.BRACES, Expansion.EDITOR, Expansion.TILDE),
    "begin a new session of Kiro CLI",
    "Q CLI Chat",
)

CLAUDE_DESKTOP = Client(
    "Claude Desktop",
    (
        _application("Claude/claude_desktop_config.json", syntax=Format.JSON),
        ConfigFile(
            Place.LOCAL,  # the build of the Microsoft Store
            "Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json",
            _SERVERS,
            Format.JSON,
            _WINDOWS,
        ),
    ),
    Launch.DESKTOP,  # modelcontextprotocol/servers #760, ahujasid/blender-mcp #179
    (),
    "quit Claude Desktop and start it again",
    "claude-ai",
    patience=60.0,  # claude-code #84136
)

CLAUDE_CODE = Client(
    "Claude Code",
    (
        ConfigFile(
            Place.HOME,
            ".claude.json",
            (("mcpServers",), ("projects", "*", "mcpServers")),
            Format.JSON,
            variable="CLAUDE_CONFIG_DIR",
        ),
        _project(".mcp.json", syntax=Format.JSON),
    ),
    Launch.TERMINAL,
    (Expansion.BRACES,),
    "begin a new session of Claude Code",
    "claude-code",
    capabilities={"roots": {"listChanged": True}, **_URLS},
    patience=27.0,
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
    capabilities={"roots": {"listChanged": True}, "sampling": {}, **_URLS},
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
    "save the file, and Zed starts the server again",
    "Zed",
    patience=60.0,
)

CODEX = Client(
    "Codex",
    (
        ConfigFile(Place.HOME, ".codex/config.toml", (("mcp_servers",),), Format.TOML, variable="CODEX_HOME"),
        _project(".codex/config.toml", (("mcp_servers",),), Format.TOML),
    ),
    Launch.ALLOWED,
    (),
    "begin a new session of Codex",
    "codex-mcp-client",
    "2025-06-18",
    _URLS,
    patience=30.0,
)

GEMINI = Client(
    "Gemini CLI",
    (_user(".gemini/settings.json"), _project(".gemini/settings.json")),
    Launch.SCREENED,
    (Expansion.BRACES, Expansion.DOLLAR),
    "begin a new session of Gemini CLI",
    "gemini-cli-mcp-client",
    "2025-06-18",
    {"roots": {"listChanged": True}},
)

COPILOT = Client(
    "Copilot CLI",
    (
        ConfigFile(Place.HOME, ".copilot/mcp-config.json", _SERVERS, Format.JSONC, variable="COPILOT_HOME"),
        _project(".mcp.json"),
        _project(".github/mcp.json"),
    ),
    Launch.TERMINAL,
    (Expansion.BRACES, Expansion.DOLLAR),
    "begin a new session of Copilot CLI",
    "github-copilot-developer",
    capabilities={"sampling": {}, **_URLS},
    patience=65.0,
)

_OPENCODE = (("mcp", "servers"), ("mcp",))  # version 2, version 1

OPENCODE = Client(
    "opencode",
    (
        *(
            ConfigFile(Place.HOME, f".config/opencode/opencode.{ending}", _OPENCODE, Format.JSONC)
            for ending in ("json", "jsonc")
        ),
        *(
            _project(f"{folder}opencode.{ending}", _OPENCODE)
            for folder in ("", ".opencode/")
            for ending in ("json", "jsonc")
        ),
    ),
    Launch.TERMINAL,
    (Expansion.PLAIN,),
    "begin a new session of opencode",
    "opencode",
    capabilities={"roots": {}},
    patience=30.0,
)

_CLINE = "globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json"

CLINE = Client(
    "Cline",
    (
        _user(".cline/data/settings/cline_mcp_settings.json", syntax=Format.JSON),
        *(_application(f"{editor}/User/{_CLINE}", syntax=Format.JSON) for editor in ("Code", "Cursor", "Kiro")),
    ),
    Launch.TERMINAL,
    (),
    "restart the server in Cline",
    "Cline",
    "2024-11-05",
    patience=2.86,
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

AMP = Client(
    "Amp",
    (
        _user(".config/amp/settings.json", (("amp.mcpServers",),)),
        _project(".amp/settings.json", (("amp.mcpServers",),)),
    ),
    Launch.TERMINAL,
    (Expansion.BRACES,),
    "begin a new session of Amp",
    "amp-mcp-client",
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
    (ConfigFile(Place.HOME, ".continue/config.yaml", _SERVERS, Format.YAML),),
    Launch.SHELL,
    (),
    "reload the window of the editor",
    "continue-client",
    patience=20.0,
)

CLIENTS = (
    *(KIRO, KIRO_CLI, CLAUDE_DESKTOP, CLAUDE_CODE, CURSOR, VS_CODE, WINDSURF, ZED, CODEX, GEMINI, COPILOT, OPENCODE),
    *(CLINE, LM_STUDIO, AMP, WARP, VISUAL_STUDIO, JUNIE, JETBRAINS_COPILOT, ROO, GOOSE, CONTINUE),
)
