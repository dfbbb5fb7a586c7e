"""Real MCP clients from npm, each with the bridge as its only server and `model.py` as its model.

Each client has a folder of its own in the cache, with a pinned version. None needs an account: the model's address and
a made-up key are enough. A proxy that does not exist keeps them from everything beyond loopback.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from filelock import FileLock
from needs import found
from peers.model import Seen, decide, text_in
from platformdirs import user_cache_path
from program import command

from mcp_auth_bridge.app.client_entries import find_file
from mcp_auth_bridge.clients.client import Platform, System
from mcp_auth_bridge.clients.editing import entry_in, remove_value
from mcp_auth_bridge.clients.entry_form import Scope
from mcp_auth_bridge.clients.targets import TARGETS

PROMPT = "add two and three"
LONGEST = 120  # seconds that a client may take before it counts as hung
NOWHERE = "http://127.0.0.1:9"


class Place(NamedTuple):
    """Where one run of a client happens."""

    # the client's home, empty before
    home: Path
    # the bridge's own folder
    bridge: Path
    # the model's origin
    model: str

    @property
    def server(self) -> dict[str, object]:
        """The entry of the bridge, as most clients write it."""
        return {"command": command(), "args": ["run", "acme"], "env": self.variables}

    @property
    def variables(self) -> dict[str, str]:
        """The variables of the bridge. Its desktop is not that of whoever runs the test."""
        return {"MCP_AUTH_BRIDGE_HOME": str(self.bridge), "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere/bus"}

    def write(self, name: str, content: object) -> Path:
        """A file below the home; all but text is written as JSON."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path


class Prepared(NamedTuple):
    """What to start: arguments for the client's program, and variables beside the usual ones."""

    arguments: Sequence[str]
    variables: Mapping[str, str]


class Client(NamedTuple):
    # for people
    name: str
    # on npm
    package: str
    version: str
    # the program in the package's `bin`
    program: str
    # writes the configuration
    prepare: Callable[[Place], Prepared]

    def run(self, place: Place, node: Path) -> str:
        """What the client prints while it answers the prompt."""
        return self.run_prepared(place, node, self.prepare(place))

    def run_prepared(self, place: Place, node: Path, prepared: Prepared) -> str:
        """As `run`, started as `prepared`."""
        return _run([str(self.installed(node)), *prepared.arguments], place, node, prepared.variables)

    def installed(self, node: Path) -> Path:
        """The client's program. Skips the test if it cannot be installed."""
        wanted = f"{self.package}@{self.version}"
        folder = user_cache_path("mcp-auth-bridge-tests") / f"npm-{self.program}-{self.version}"
        folder.parent.mkdir(parents=True, exist_ok=True)
        program = folder / "node_modules/.bin" / self.program
        with FileLock(f"{folder}.lock"):
            if not (folder / "complete").exists():
                npm = [found("npm"), "install", "--no-audit", "--no-fund", "--prefix", str(folder), wanted]
                done = subprocess.run(npm, env=_environment(node), capture_output=True, text=True, check=False)
                if done.returncode:
                    pytest.skip(f"{wanted} cannot be installed here: {done.stderr.strip()[-500:]}")
                with tempfile.TemporaryDirectory() as home:
                    place = Place(Path(home), Path(home), NOWHERE)
                    if not _run([str(program), "--version"], place, node, {}).strip():
                        pytest.skip(f"{wanted} does not run here")
                (folder / "complete").touch()
        return program


def _environment(node: Path) -> dict[str, str]:
    path = f"{node.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path}


def _run(argv: Sequence[str], place: Place, node: Path, variables: Mapping[str, str]) -> str:
    """Everything that the program prints. A program that hangs is ended, with all that it has started."""
    work = place.home / "work"
    work.mkdir(exist_ok=True)
    environment = {
        "PATH": f"{node.parent}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "HOME": str(place.home),
        "TERM": "dumb",
        "LANG": "C.UTF-8",
        "HTTPS_PROXY": NOWHERE,
        "HTTP_PROXY": NOWHERE,
        "NO_PROXY": "127.0.0.1,localhost",
        **variables,
    }
    with subprocess.Popen(
        argv,
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            said, _ = process.communicate()
            said += b"\nhung"
    return said.decode(errors="replace")


def _claude(place: Place) -> Prepared:
    config = place.write("mcp.json", {"mcpServers": {"acme": {"type": "stdio", **place.server}}})
    words = ["-p", PROMPT, "--mcp-config", str(config), "--strict-mcp-config", "--allowedTools", "mcp__acme"]
    return Prepared(
        [*words, "--model", "fake"],
        {
            "ANTHROPIC_BASE_URL": place.model,
            "ANTHROPIC_API_KEY": "fake",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            # a session without a user begins before its servers are there, and looks for tools only when it misses them
            "ENABLE_TOOL_SEARCH": "false",
            "MCP_CONNECTION_NONBLOCKING": "false",
        },
    )


def _codex(place: Place) -> Prepared:
    server = place.server
    variables = "\n".join(f"{name} = {json.dumps(value)}" for name, value in place.variables.items())
    place.write(
        ".codex/config.toml",
        f"""
model = "fake"
model_provider = "fake"
approval_policy = "never"
[model_providers.fake]
name = "fake"
base_url = "{place.model}/v1"
wire_api = "responses"
[mcp_servers.acme]
command = {json.dumps(server["command"])}
args = {json.dumps(server["args"])}
required = true # else a session without a user begins before its servers are there
default_tools_approval_mode = "approve"
[mcp_servers.acme.env]
{variables}
""",
    )
    return Prepared(["exec", "--skip-git-repo-check", PROMPT], {})


def _gemini(place: Place) -> Prepared:
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
        "general": {"disableAutoUpdate": True},
        "privacy": {"usageStatisticsEnabled": False},
        "mcpServers": {"acme": {**place.server, "trust": True}},
    }
    place.write(".gemini/settings.json", settings)
    variables = {"GEMINI_API_KEY": "fake", "GOOGLE_GEMINI_BASE_URL": place.model}
    return Prepared(["-p", PROMPT, "-m", "fake", "--yolo"], variables)


def _copilot(place: Place) -> Prepared:
    place.write(".copilot/mcp-config.json", {"mcpServers": {"acme": {"type": "local", "tools": ["*"], **place.server}}})
    packages = user_cache_path("mcp-auth-bridge-tests") / "copilot-packages"  # it unpacks itself in seven seconds
    packages.mkdir(parents=True, exist_ok=True)
    (place.home / ".cache/copilot").mkdir(parents=True)
    (place.home / ".cache/copilot/pkg").symlink_to(packages)
    return Prepared(
        ["-p", PROMPT, "--allow-all-tools"],
        {
            "COPILOT_PROVIDER_BASE_URL": f"{place.model}/v1",
            "COPILOT_PROVIDER_TYPE": "openai",
            "COPILOT_PROVIDER_API_KEY": "fake",
            "COPILOT_MODEL": "fake",
            "COPILOT_OFFLINE": "true",
        },
    )


def _opencode(place: Place) -> Prepared:
    server = place.server
    local = {"type": "local", "command": [server["command"], *server["args"]], "environment": server["env"]}
    place.write(
        ".config/opencode/opencode.json",
        {
            "model": "fake/fake",
            "small_model": "fake/fake",
            "autoupdate": False,
            "share": "disabled",
            "provider": {
                "fake": {
                    "npm": "@ai-sdk/openai-compatible",
                    "options": {"baseURL": f"{place.model}/v1", "apiKey": "fake"},
                    "models": {"fake": {"tool_call": True}},
                }
            },
            "permission": {"*": "allow"},
            "mcp": {"acme": {**local, "enabled": True}},
        },
    )
    return Prepared(["run", PROMPT], {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"})


def _cline(place: Place) -> Prepared:
    place.write(".cline/data/settings/cline_mcp_settings.json", {"mcpServers": {"acme": place.server}})
    settings = {
        "provider": "openai-compatible",
        "apiKey": "fake",
        "model": "fake",
        "baseUrl": f"{place.model}/v1",
    }
    place.write(
        ".cline/data/settings/providers.json",
        {
            "version": 1,
            "lastUsedProvider": "openai-compatible",
            "modes": {},
            "providers": {
                "openai-compatible": {
                    "settings": settings,
                    "updatedAt": "2026-11-30T00:00:00.000Z",
                    "tokenSource": "manual",
                }
            },
        },
    )
    # else it leaves a process behind that serves further sessions
    return Prepared(["--json", "-t", str(LONGEST), PROMPT], {"CLINE_SESSION_BACKEND_MODE": "local"})


KEYS = {
    "claude": "claude-code",
    "codex": "codex",
    "gemini": "gemini",
    "copilot": "copilot",
    "opencode": "opencode",
    "cline": "cline",
}
"""The names that `install` takes, by the client's program."""

# A session without a user begins before its servers are there, and nobody approves a call: the user's own settings.
_ALONE = {
    "codex": ["-c", "mcp_servers.{}.required=true", "-c", 'mcp_servers.{}.default_tools_approval_mode="approve"'],
    "claude": ["--allowedTools", "mcp__{}"],
}


def without_entry(client: Client, place: Place, name: str) -> Prepared:
    """The client prepared as usual, but without a server: `install` is to write the entry `name`."""
    prepared = client.prepare(place)
    target = TARGETS[KEYS[client.program]]
    at = find_file(target, Scope.USER, System(Platform.LINUX, str(place.home), str(place.home / "work"), {}))
    for table in target.forms:
        if at.content.data is not None and entry_in(at.content.text, at.kind.format, (*table, "acme")) is not None:
            text = remove_value(at.content.text, at.kind.format, (*table, "acme"))
            at.content.path.write_text(text)
    arguments = list(prepared.arguments)
    if client.program == "claude":  # its own file rather than one on its command line
        at_file = arguments.index("--mcp-config")
        (place.home / "mcp.json").unlink()
        arguments = [*arguments[:at_file], *arguments[arguments.index("--model") :]]
    own = [word.format(name) for word in _ALONE.get(client.program, ())]
    return Prepared([*own, *arguments], prepared.variables)


CLIENTS = (
    Client("Claude Code", "@anthropic-ai/claude-code", "2.1.332", "claude", _claude),
    Client("Codex", "@openai/codex", "0.171.0", "codex", _codex),
    Client("Gemini CLI", "@google/gemini-cli", "0.61.0", "gemini", _gemini),
    Client("Copilot CLI", "@github/copilot", "1.0.102", "copilot", _copilot),
    Client("opencode", "opencode-ai", "1.18.33", "opencode", _opencode),
    Client("Cline CLI", "cline", "3.0.65", "cline", _cline),
)


def _object_in(text: str) -> Any:
    """The first JSON object in `text`, which may have lines of the log around it."""
    return json.JSONDecoder().raw_decode(text, text.index("{"))[0]


def inspect(place: Place, node: Path, inspector: Path) -> str:
    """What MCP Inspector prints: it lists the tools, and calls the one that the model would call."""
    server = [word for name, value in place.variables.items() for word in ("-e", f"{name}={value}")]

    def ask(*words: str) -> str:
        argv = [str(node), str(inspector), "--cli", *server, *words, "--", command(), "run", "acme"]
        return _run(argv, place, node, {})

    listed = ask("--method", "tools/list")
    try:
        names = [tool["name"] for tool in _object_in(listed)["tools"]]
    except (ValueError, KeyError, TypeError):
        return listed
    turn = decide(Seen(names, []))
    arguments = [word for name, value in turn.arguments.items() for word in ("--tool-arg", f"{name}={value}")]
    called = ask("--method", "tools/call", "--tool-name", turn.tool, *arguments)
    answer = _object_in(called)
    return f"The tool said: {text_in(answer['content']) if 'content' in answer else answer['error']['message']}"
