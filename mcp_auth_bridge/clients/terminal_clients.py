"""The clients for the terminal, as data: from their documentation, and from runs of most on Linux.

kiro.dev/docs/cli/mcp/configuration, code.claude.com/docs/en/mcp, github.com/openai/codex docs/config.md,
geminicli.com/docs/tools/mcp-server, docs.github.com/copilot (Copilot CLI), opencode.ai/docs/mcp-servers,
docs.cline.bot/mcp, ampcode.com/manual; `docs/clients.md` has runs of most.
"""

from functools import partial

from mcp_auth_bridge.clients.client import Client, ConfigFile, Expansion, Format, Launch, Place

_URLS: dict[str, dict[str, dict[str, str]]] = {"elicitation": {"form": {}, "url": {}}}
_user = partial(ConfigFile, Place.HOME)
_project = partial(ConfigFile, Place.WORKSPACE)
_application = partial(ConfigFile, Place.APPLICATIONS)

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
        _project(".mcp.json", format=Format.JSON),
    ),
    Launch.TERMINAL,
    (Expansion.BRACES,),
    "begin a new session of Claude Code",
    "claude-code",
    capabilities={"roots": {"listChanged": True}, **_URLS},
    patience=27.0,
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
    {"experimental": {"codex/auth-change": {}}, **_URLS},
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
        ConfigFile(Place.HOME, ".copilot/mcp-config.json", variable="COPILOT_HOME"),
        _project(".mcp.json"),
        _project(".github/mcp.json"),
    ),
    Launch.TERMINAL,
    (Expansion.BRACES, Expansion.DOLLAR),
    "begin a new session of Copilot CLI",
    "copilot-cli",
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
        _user(".cline/data/settings/cline_mcp_settings.json", format=Format.JSON),
        *(_application(f"{editor}/User/{_CLINE}", format=Format.JSON) for editor in ("Code", "Cursor", "Kiro")),
    ),
    Launch.TERMINAL,
    (),
    "restart the server in Cline",
    "@cline/core",
    "2024-11-05",
    patience=2.86,
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
