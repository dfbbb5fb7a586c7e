"""Every client on every system with its file in every state: the entry alone comes and goes."""

import stat

import pytest

from mcp_auth_bridge.app.client_changes import carry_out, changing, persisting, take_out
from mcp_auth_bridge.app.client_entries import ByHand, Clash, find_entries, find_file, plan_entry
from mcp_auth_bridge.clients.client import Format, Platform, System
from mcp_auth_bridge.clients.documents import parse
from mcp_auth_bridge.clients.editing import entry_in
from mcp_auth_bridge.clients.entry_form import Scope, StartCommand
from mcp_auth_bridge.clients.targets import TARGETS
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.files.client_files import BACKUP
from mcp_auth_bridge.shell.files.paths import paths_below
from mcp_auth_bridge.shell.files.receipts import Receipts
from mcp_auth_bridge.shell.files.user_file import ChangedMeanwhile

START = StartCommand(("/home/u/.local/bin/mcp-auth-bridge", "run", "acme"), needs=("ACME_KEY",))
STATES = ["no file", "comments", "CRLF", "BOM", "other servers", "unparsable", "read-only", "symlink"]


def other_text(syntax, table):
    """A file with another server, in the layout that its client writes."""
    if syntax is Format.TOML:
        return f'model = "o3"\n\n[{table[0]}.other]\ncommand = "x"\nargs = ["a b"]\n'
    if syntax is Format.YAML:
        return f"GOOSE_PROVIDER: acme\n{table[0]}:\n  developer:\n    enabled: true\n    type: builtin\n"
    opened = "".join(f'{"  " * depth}"{key}": {{\n' for depth, key in enumerate(table, 1))
    closed = "".join(f"{'  ' * depth}}}\n" for depth in range(len(table), 0, -1))
    inner = "  " * (len(table) + 1)
    return f'{{\n{opened}{inner}"other": {{"command": "x", "args": ["a b"]}}\n{closed}}}\n'


def commented(text, syntax):
    if syntax is Format.JSON:
        return text  # its client takes no comments
    sign = "//" if syntax is Format.JSONC else "#"
    head, _, rest = text.partition("\n")
    return f"{sign} mine\n{head} {sign} yours\n{rest}{sign} the end\n"


def prepared(state, at, folder):
    """The content for the file in that `state`, None for no file."""
    syntax, table = at.kind.format, next(iter(at.target.forms))
    text = other_text(syntax, table)
    match state:
        case "no file":
            return None
        case "comments":
            return commented(text, syntax)
        case "CRLF":
            return text.replace("\n", "\r\n")
        case "BOM":
            return f"\ufeff{text}"
        case "unparsable":
            return "{ : ]\n= ="
    return text


def write(at, text, state, folder):
    path = at.content.path
    path.parent.mkdir(parents=True, exist_ok=True)
    real = path
    if state == "symlink":
        real = folder / "dotfiles"
        path.symlink_to(real)
    real.write_bytes(text.encode())
    real.chmod(0o444 if state == "read-only" else 0o640)
    return real


def tree(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} | {
        path: None for path in folder.rglob("*") if path.is_dir()
    }


CASES = [
    (target, scope, platform, state)
    for target in TARGETS.values()
    for scope in Scope
    for platform in (Platform if scope is Scope.USER else [Platform.LINUX])
    for state in STATES
    if any(platform in file.platforms for file in target.files(scope))
]


@pytest.mark.parametrize(("target", "scope", "platform", "state"), CASES)
def test_the_entry_alone_comes_and_goes(tmp_path, target, scope, platform, state):
    system = System(platform, (tmp_path / "home").as_posix(), (tmp_path / "project").as_posix(), {})
    for folder in ("home", "project"):
        (tmp_path / folder).mkdir()
    receipts = Receipts(tmp_path / "memory")
    receipts._folder.create()
    at = find_file(target, scope, system)
    text = prepared(state, at, tmp_path)
    real = None if text is None else write(at, text, state, tmp_path)
    before = tree(tmp_path)

    at = find_file(target, scope, system)
    if state in ("unparsable", "read-only"):
        with pytest.raises(ByHand) as refused:
            carry_out(plan_entry(at, "acme", START, Clash.REFUSE), scope, receipts)
        assert "acme" in refused.value.snippet
        parse(refused.value.snippet, at.kind.format)
        assert tree(tmp_path) == before
        return

    carry_out(plan_entry(at, "acme", START, Clash.REFUSE), scope, receipts)
    after = find_file(target, scope, system)
    (found,) = find_entries(after)
    assert found.entry.argv == START.argv
    assert found.start.target == "acme"
    assert not plan_entry(after, "acme", START, Clash.REFUSE).is_needed
    if real is not None:
        assert stat.S_IMODE(real.stat().st_mode) == 0o640
        assert real.with_name(real.name + BACKUP).read_bytes() == text.encode()
        assert at.content.path.is_symlink() == (state == "symlink")
    else:
        assert stat.S_IMODE(at.content.path.stat().st_mode) == (0o600 if scope is Scope.USER else 0o644)

    take_out(found, after, receipts)
    assert tree(tmp_path) == before


@pytest.fixture
def cursor(tmp_path):
    system = System(Platform.LINUX, (tmp_path / "home").as_posix(), (tmp_path / "project").as_posix(), {})
    (tmp_path / "home" / ".cursor").mkdir(parents=True)
    return lambda key="cursor": find_file(TARGETS[key], Scope.USER, system)


@pytest.fixture
def receipts(tmp_path):
    return Receipts(tmp_path / "memory")


def put(at, text):
    at.content.path.parent.mkdir(parents=True, exist_ok=True)
    at.content.path.write_text(text)


def test_an_entry_of_another_version_of_the_bridge_is_brought_up_to_date_and_keeps_the_choices_of_the_user(
    cursor, receipts
):
    put(cursor(), '{"mcpServers": {"my-acme": {"command": "/old/mcp-auth-bridge", "args": ["run", "acme"], "x": 1}}}')
    carry_out(plan_entry(cursor(), "acme", START, Clash.REFUSE), Scope.USER, receipts)
    assert entry_in(cursor().content.text, Format.JSONC, ("mcpServers",)) == {
        "my-acme": {"command": START.argv[0], "args": ["run", "acme"], "x": 1}
    }


@pytest.mark.parametrize("key", ["codex", "goose", "opencode", "cline"])
def test_an_update_keeps_what_the_user_has_changed(cursor, receipts, key):
    carry_out(plan_entry(cursor(key), "acme", START, Clash.REFUSE), Scope.USER, receipts)
    path = cursor(key).content.path
    changed = path.read_text()
    for value in ("startup_timeout_sec = 60", "timeout: 300", '"timeout": 60000', '"timeout": 60'):
        changed = changed.replace(value, value.replace("60", "61").replace("300", "301"))
    path.write_text(changed)
    start = StartCommand(("/new/mcp-auth-bridge", "run", "acme"), {"MCP_AUTH_BRIDGE_HOME": "/b"})
    carry_out(plan_entry(cursor(key), "acme", start, Clash.REFUSE), Scope.USER, receipts)
    text = path.read_text()
    assert "61" in text or "301" in text
    assert "/new/mcp-auth-bridge" in text
    assert "/home/u" not in text
    assert "MCP_AUTH_BRIDGE_HOME" in text
    (found,) = find_entries(cursor(key))
    assert dict(found.entry.env)["MCP_AUTH_BRIDGE_HOME"].reveal() == "/b"


def test_another_server_of_that_name_is_replaced_only_if_that_is_asked_for(cursor, receipts):
    put(cursor(), '{"mcpServers": {"acme": {"command": "npx", "args": ["acme-server"]}}}')
    with pytest.raises(ByHand, match="another server with the name") as refused:
        plan_entry(cursor(), "acme", START, Clash.REFUSE)
    assert "--replace" in refused.value.hint
    carry_out(plan_entry(cursor(), "acme", START, Clash.REPLACE), Scope.USER, receipts)
    assert find_entries(cursor())[0].entry.argv == START.argv


def test_a_file_that_changes_between_reading_and_writing_is_left_as_it_is(cursor, receipts):
    put(cursor(), "{}")
    change = plan_entry(cursor(), "acme", START, Clash.REFUSE)
    put(cursor(), '{"new": 1}')
    with pytest.raises(ChangedMeanwhile, match="changed by another program"):
        carry_out(change, Scope.USER, receipts)
    assert cursor().content.text == '{"new": 1}'
    assert [path.name for path in cursor().content.path.parent.iterdir() if path.name.startswith(".mcp")] == []


def test_the_version_of_opencode_decides_the_table(cursor, receipts):
    put(cursor("opencode"), '{"mcp": {"servers": {"x": {"type": "local", "command": ["x"]}}}}')
    change = plan_entry(cursor("opencode"), "acme", START, Clash.REFUSE)
    assert change.place == ("mcp", "servers", "acme")
    assert "enabled" not in entry_in(change.edited.text, Format.JSONC, change.place)


def test_what_an_earlier_entry_made_goes_with_the_last_one(cursor, receipts, tmp_path):
    receipts._folder.create()
    before = tree(tmp_path)
    other = StartCommand(("/home/u/.local/bin/mcp-auth-bridge", "run", "other"))
    for name, start in (("acme", START), ("other", other)):
        carry_out(plan_entry(cursor(), name, start, Clash.REFUSE), Scope.USER, receipts)
    for _ in range(2):
        take_out(find_entries(cursor())[0], cursor(), receipts)
    assert tree(tmp_path) == before


def test_an_entry_that_another_hand_wrote_is_taken_out_too(cursor, receipts):
    put(cursor(), '{"mcpServers": {"acme": {"command": "mcp-auth-bridge", "args": ["run", "acme"]}}}')
    take_out(find_entries(cursor())[0], cursor(), receipts)
    assert cursor().content.text == '{"mcpServers": {}}'


def test_an_entry_in_a_form_that_cannot_be_edited_is_left_for_the_user(cursor, receipts):
    put(cursor("codex"), "mcp_servers = { acme = { command = 'mcp-auth-bridge', args = ['run', 'acme'] } }")
    with pytest.raises(ConfigError, match="header of its own") as refused:
        take_out(find_entries(cursor("codex"))[0], cursor("codex"), receipts)
    assert "by hand" in refused.value.hint


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("claude-code", '{"projects": {"/p": {"mcpServers": {"acme": ENTRY}}}}'),
        ("kiro", '{"powers": {"mcpServers": {"power-acme-acme": ENTRY}}}'),
    ],
)
def test_an_entry_for_one_project_or_one_power_is_not_that_of_the_user(cursor, receipts, key, text):
    entry = '{"command": "/home/u/.local/bin/mcp-auth-bridge", "args": ["run", "acme"]}'
    put(cursor(key), text.replace("ENTRY", entry))
    change = plan_entry(cursor(key), "acme", START, Clash.REFUSE)
    assert change.place == ("mcpServers", "acme")
    carry_out(change, Scope.USER, receipts)
    assert len(find_entries(cursor(key))) == 2


def test_a_client_that_writes_its_file_meanwhile_costs_another_attempt(cursor, receipts):
    put(cursor(), "{}")
    rewritten = iter(['{"n": 1}', '{"n": 2}'])

    def edit():
        change = plan_entry(cursor(), "acme", START, Clash.REFUSE)
        for text in rewritten:
            put(cursor(), text)
            break
        carry_out(change, Scope.USER, receipts)

    persisting(edit)
    document = parse(cursor().content.text, Format.JSON)
    assert (document["n"], [*document["mcpServers"]]) == (2, ["acme"])


def test_a_client_that_never_ends_to_write_is_given_up(cursor, receipts):
    count = iter(range(1000))

    def edit():
        change = plan_entry(cursor(), "acme", START, Clash.REFUSE)
        put(cursor(), f'{{"n": {next(count)}}}')
        carry_out(change, Scope.USER, receipts)

    with pytest.raises(ChangedMeanwhile):
        persisting(edit)
    assert parse(cursor().content.text, Format.JSON) == {"n": 9}
    assert receipts.load() == []


def test_one_process_at_a_time_changes_the_files_of_clients(tmp_path):
    paths = paths_below(tmp_path)
    with changing(paths):
        assert len([*paths.locks.iterdir()]) == 1
