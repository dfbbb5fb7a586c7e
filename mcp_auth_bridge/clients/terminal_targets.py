"""How the clients for the terminal want an entry written, as data.

The timeouts are in the client's own unit. They only widen what the client allows by itself: the bridge replies to
`initialize` within 0.3 s. No entry has a member that the client does not know: Codex refuses the whole file then.
"""

from mcp_auth_bridge.clients.entry_form import EntryForm, Target
from mcp_auth_bridge.clients.terminal_clients import AMP, CLAUDE_CODE, CLINE, CODEX, COPILOT, GEMINI, KIRO_CLI, OPENCODE

_SERVERS = ("mcpServers",)

TARGETS = (
    Target(
        "kiro-cli",
        KIRO_CLI,
        KIRO_CLI.files[:1],
        {_SERVERS: EntryForm()},
        KIRO_CLI.files[1:2],
        source="kiro.dev/docs/cli/mcp/configuration, 2026-11-30",
    ),
    Target(
        "claude-code",
        CLAUDE_CODE,
        CLAUDE_CODE.files[:1],
        {_SERVERS: EntryForm({"type": "stdio"})},
        CLAUDE_CODE.files[1:],
        workspace_wants="start claude in this folder, and approve the server when it asks",
        source="code.claude.com/docs/en/mcp, and a run of 2.1.329, 2026-11-30",
    ),
    Target(
        "codex",
        CODEX,
        CODEX.files[:1],
        # deny_unknown_fields; a start may take 30 s without this (a run of 0.169)
        {("mcp_servers",): EntryForm(forwards="env_vars", tail={"startup_timeout_sec": 60})},
        CODEX.files[1:],
        workspace_wants="start codex in this folder, trust it, and begin a new session",
        source="github.com/openai/codex docs/config.md, and a run of 0.169, 2026-11-30",
    ),
    Target(
        "gemini",
        GEMINI,
        GEMINI.files[:1],
        {_SERVERS: EntryForm()},
        GEMINI.files[1:],
        "begin a new session of Gemini CLI in a folder that it trusts: elsewhere, it starts no server",
        "trust this folder in Gemini CLI, and begin a new session",
        source="geminicli.com/docs/tools/mcp-server, and a run of 0.61, 2026-11-30",
    ),
    Target(
        "copilot",
        COPILOT,
        COPILOT.files[:1],
        {_SERVERS: EntryForm({"type": "local"}, tail={"tools": ["*"]})},
        COPILOT.files[2:],  # `.mcp.json` is Claude Code's too, which knows no type "local"
        source="docs.github.com/copilot (Copilot CLI), and a run of 1.0.102, 2026-11-30",
    ),
    Target(
        "opencode",
        OPENCODE,
        OPENCODE.files[:2],
        {
            ("mcp", "servers"): EntryForm({"type": "local"}, arguments="", variables="environment"),  # version 2
            ("mcp",): EntryForm(
                {"type": "local"}, arguments="", variables="environment", tail={"enabled": True, "timeout": 60000}
            ),
        },
        OPENCODE.files[2:],
        source="opencode.ai/docs/mcp-servers and opencode.ai/v2/docs/mcp-servers, and a run of 1.18, 2026-11-30",
    ),
    Target(
        "cline",
        CLINE,
        CLINE.files,
        {_SERVERS: EntryForm(tail={"timeout": 60})},  # seconds; without it, a start may take 2.9 s (a run of 3.0.65)
        source="docs.cline.bot/mcp, and a run of 3.0.65, 2026-11-30",
    ),
    Target(
        "amp",
        AMP,
        AMP.files[:1],
        {("amp.mcpServers",): EntryForm()},
        AMP.files[1:],
        workspace_wants="run amp mcp approve in this folder, and begin a new session of Amp",
        source="ampcode.com/manual, and a run, 2026-11-30",
    ),
)
