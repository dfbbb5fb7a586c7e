"""`mcp-auth-bridge install --migrate`: the entries of other bridges, converted to this one.

Each becomes a server in `config.toml` and an entry for it, under the same name. What cannot be converted stays as it
is, and a sentence says why.
"""

import json
from pathlib import Path

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.client_changes import carry_out, changing, persisting
from mcp_auth_bridge.app.client_entries import ByHand, Clash, TargetFile, plan_entry
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.start_command import start_command
from mcp_auth_bridge.app.this_system import this_system
from mcp_auth_bridge.clients.entries import Entry, read_entries
from mcp_auth_bridge.clients.entry_form import Scope
from mcp_auth_bridge.clients.entry_programs import OtherBridge, started
from mcp_auth_bridge.clients.migration.conversion import Conversion, convert
from mcp_auth_bridge.clients.migration.rivals import MCP_REMOTE, RIVALS
from mcp_auth_bridge.clients.targets import TARGETS
from mcp_auth_bridge.commands.client_choice import paths_of, shown, target_named
from mcp_auth_bridge.commands.config_change import change_config
from mcp_auth_bridge.commands.take_over_login import take_over_login
from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.config.config_file import Config
from mcp_auth_bridge.config.config_text import server_block, with_server
from mcp_auth_bridge.config.new_server import name_for
from mcp_auth_bridge.config.profile import parse_server_url
from mcp_auth_bridge.errors import BridgeError, ConfigError, printable, quoted
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.files.client_files import read_file
from mcp_auth_bridge.shell.files.kept_secrets import KeptSecrets
from mcp_auth_bridge.shell.files.receipts import Receipts
from mcp_auth_bridge.shell.files.secret_backends import put_in_keyring
from mcp_auth_bridge.urls import Purpose


class Input(msgspec.Struct, frozen=True):
    # The name of the client, None for every client.
    client: str | None
    # Whose files are looked at.
    scope: Scope = Scope.USER
    # Whether the changes are only shown.
    dry_run: bool = False
    # Whether the entries are printed as JSON.
    as_json: bool = False


class MigratedEntry(msgspec.Struct, frozen=True):
    """One entry of another bridge, as `--json` prints it."""

    # The client, as the command line names it.
    client: str
    # The file that it reads.
    file: str
    # The name of the entry there.
    entry: str
    # The bridge that it has started.
    program: str
    # The name of its server in config.toml, null if the entry stays as it is.
    server: str | None = None
    # The lines for config.toml; for an entry that stays, those to add by hand, "" for none.
    lines: str = ""
    # Sentences about what was left out of the conversion.
    left_out: tuple[str, ...] = ()
    # Why the entry stays as it is, "" if it does not.
    error: str = ""


class _Refused(ConfigError):
    """An entry that cannot be converted. `lines` are what can be said of its server in config.toml."""

    def __init__(self, message: str, lines: str) -> None:
        super().__init__(message, "see above")
        self.lines = lines


class _Old(msgspec.Struct, frozen=True):
    """An entry that starts another bridge."""

    at: TargetFile
    entry: Entry
    program: OtherBridge


async def run(given: Input, context: Context) -> int:
    """Returns the exit code of the first failure, 0 if all entries were converted."""
    found = _find(given, context)
    if not found:
        terminal.say(f"no entry of another bridge ({', '.join(RIVALS)}) was found")
    codes: list[int] = []
    entries: list[MigratedEntry] = []
    for old in found:
        entry = MigratedEntry(
            old.at.target.key, str(old.at.content.path), old.entry.name, RIVALS[old.program.program].name
        )
        try:
            context, entry = await _migrate(old, entry, given, context)
        except BridgeError as error:
            _report(error, given)
            lines = error.lines if isinstance(error, _Refused) else ""
            entry = msgspec.structs.replace(entry, lines=lines, error=error.message)
            codes.append(error.exit_code)
        entries.append(entry)
    if given.as_json:
        terminal.print_result(json.dumps(msgspec.to_builtins(entries), indent=2))
    if len(codes) < len(found) and not given.dry_run:
        terminal.say("next, log in to the servers that need it: mcp-auth-bridge login --all")
    return next(iter(codes), 0)


def _report(error: BridgeError, given: Input) -> None:
    """Report the error with the lines that are to be added by hand; as JSON, they are in the document."""
    if isinstance(error, _Refused) and error.lines and not given.as_json:
        terminal.print_result(error.lines)
    terminal.report_error(error)
    if isinstance(error, ByHand) and not given.as_json:
        terminal.print_result(error.snippet)


def _find(given: Input, context: Context) -> list[_Old]:
    """The entries of other bridges. A file that cannot be read is reported, and has none."""
    system = this_system(context.environ)
    targets = [target_named(given.client)] if given.client is not None else [*TARGETS.values()]
    found: dict[tuple[Path, str], _Old] = {}
    for target in targets:
        paths = {path for path in paths_of(target, given.scope, system) if path.exists()}
        for file in target.files(given.scope):
            for path in (path for path in paths if path.as_posix().endswith(file.path)):
                try:
                    at = TargetFile(target, file, read_file(path))
                    entries = read_entries(target.client, file, str(path), at.content.text)
                except ConfigError as error:
                    terminal.report_error(ConfigError(f"{shown(path)}: {error.message}", error.hint))
                    continue
                for entry in entries:
                    program = started(entry.argv)
                    if isinstance(program, OtherBridge):
                        found.setdefault((path, entry.name), _Old(at, entry, program))
    return [*found.values()]


async def _migrate(old: _Old, entry: MigratedEntry, given: Input, context: Context) -> tuple[Context, MigratedEntry]:
    """Convert one entry. Returns the context with its server, and the full `entry`.

    Raises `BridgeError` if that cannot be done.
    """
    rival, path, label = RIVALS[old.program.program], old.at.content.path, old.entry.name
    conversion = convert(rival, label, old.program.arguments, old.entry.env, _read)
    terminal.say(f"{old.at.target.client.name}: {quoted(label, 60)} in {shown(path)} starts {rival.name}")
    for sentence in conversion.left_out:
        terminal.say(f"  {printable(sentence)}")
    if conversion.refusals:
        lines = server_block(label, conversion.table) if "url" in conversion.table else ""
        raise _Refused(f"{quoted(label, 60)} stays as it is: {printable('; '.join(conversion.refusals))}", lines)
    name = _name(label, conversion, context.config)
    lines = server_block(name, conversion.table)
    entry = msgspec.structs.replace(entry, server=name, lines=lines, left_out=tuple(conversion.left_out))
    if given.dry_run:
        if not given.as_json:
            terminal.print_result(lines)
        return context, entry
    await _keep_secrets(conversion, context)
    config = change_config(context, name, lambda text, config: _with(text, config, name, conversion))
    context = msgspec.structs.replace(context, config=config)
    bridge = Bridge(config.profile(name), context)
    if rival is MCP_REMOTE:
        await take_over_login(bridge, conversion)
    start = start_command(bridge)
    with changing(context.paths):
        receipts = Receipts(context.paths.memory)
        persisting(lambda: carry_out(plan_entry(_again(old), label, start, Clash.REPLACE), given.scope, receipts))
    terminal.say(f"  it now starts mcp-auth-bridge for {name}, which is in {shown(config.path)}")
    terminal.say(f"  next: {old.at.target.next_step(given.scope)}")
    return context, entry


def _again(old: _Old) -> TargetFile:
    """The file as it is now: another entry of it may just have been converted."""
    return msgspec.structs.replace(old.at, content=read_file(old.at.content.path))


def _read(path: str) -> str:
    return Path(path).expanduser().read_text(encoding="utf-8")


def _name(label: str, conversion: Conversion, config: Config) -> str:
    """The name of the server: that of the entry, or another one if that is taken by another server."""
    taken = {*config.profiles, *config.broken}
    profile = config.profiles.get(label)
    alone = _alone(label, conversion, config)
    if label not in taken or profile == alone.profiles.get(label):
        return label
    return name_for(parse_server_url(conversion.table["url"], label, Purpose.PLAIN_SERVER), taken)


def _alone(name: str, conversion: Conversion, config: Config) -> Config:
    """A configuration with the converted server alone. Raises `ConfigError` if it is not valid."""
    alone = config_file.parse(server_block(name, conversion.table), config.path, config.store)
    for broken in alone.broken.values():
        raise ConfigError(f"{name} cannot be converted: {broken.error.message}", broken.error.hint)
    return alone


def _with(text: str, config: Config, name: str, conversion: Conversion) -> str:
    if name in config.profiles:
        return text
    return with_server(text, name, conversion.table)


async def _keep_secrets(conversion: Conversion, context: Context) -> None:
    for entry, secret in conversion.secrets.items():
        await put_in_keyring(entry, Secret(secret.reveal()))
        KeptSecrets(context.paths).add(entry)
        terminal.say(f"  its secret is in the keyring now, as {entry}")
