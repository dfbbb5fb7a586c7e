"""A login that moves: what is where after each step, what is refused with which words, and what nobody gets to see."""

import asyncio
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.cli import main, manual
from mcp_auth_bridge.commands import export_login, export_passphrase, import_login, key, logout
from mcp_auth_bridge.commands.registrations import is_used
from mcp_auth_bridge.config import profile
from mcp_auth_bridge.config.redis import RedisStoreSettings
from mcp_auth_bridge.errors import BridgeError, ConfigError, LoginRequired, StoreError
from mcp_auth_bridge.oauth.session import CLIENTS, Client, Session, dump, load_client, load_session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.console import hidden_prompt, terminal
from mcp_auth_bridge.shell.files.paths import Paths
from mcp_auth_bridge.stores import login_export
from mcp_auth_bridge.stores.folder import Exists

URL = "https://acme.example/mcp"
ISSUER = "https://login.example"
PASSPHRASE = "canary of four words"
FROM = "env:MOVING"
ENVIRON = {"MOVING": PASSPHRASE, "OTHER": "another of four words", "SHORT": "canary"}


class Machine:
    """A home of its own, with a sealing key in a file and servers `acme` and `work` at the same URL."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder = folder
        self.paths = Paths(folder / "config.toml", folder / "records", folder / "locks", folder / "memory")
        self.text = f"[store]\nkind = 'key_file'\npath = '{folder / 'key'}'\n"
        self.serve("acme")

    def serve(self, name, url=URL, auth="{ kind = 'browser' }"):
        self.text += f"[servers.{name}]\nurl = '{url}'\nauth = {auth}\n"

    @property
    def context(self):
        return Context(self.paths, profile.parse(self.text, self.paths.config), ENVIRON)

    @property
    def store(self):
        return StoreAccess(self.context.config.store, self.paths).store

    def log_in(self, name="acme", **more):
        client = Client(
            issuer=ISSUER, id="c", management_uri=f"{ISSUER}/c", management_token=Secret("canary-management")
        )
        about = {
            "resource": URL,
            "issuer": ISSUER,
            "token_endpoint": f"{ISSUER}/token",
            "client": client,
            "access": Secret("canary-access"),
            "refresh": Secret("canary-refresh"),
            "obtained_at": 0.0,
            "account": "mia@acme.example",
            "names": ("mia@acme.example",),
            "dpop_key": Secret("canary-key"),
        }
        session = Session(**{**about, **more})
        self.store.save(f"session {name} {URL}", dump(session), None)
        if session.client.registered and self.client is None:
            self.store.save(f"{CLIENTS}{ISSUER}", dump(session.client), None)
        return session

    def login(self, name="acme"):
        record = self.store.load(f"session {name} {URL}")
        return None if record is None else load_session(record.secret)

    @property
    def client(self):
        record = self.store.load(f"{CLIENTS}{ISSUER}")
        return None if record is None else load_client(record.secret)

    def run(self, story):
        return asyncio.run(story)

    def export(self, file, *, recipient="", source=FROM, copy=False, name="acme"):
        given = export_login.Input(name, str(file), recipient, "" if recipient else source, copy)
        return self.run(export_login.run(given, self.context))

    def take(self, file, *, source=FROM, replace=False, name="acme"):
        return self.run(import_login.run(import_login.Input(name, str(file), source, replace), self.context))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Stretching has a test of its own (test_login_export.py)."""
    monkeypatch.setattr(login_export, "_SCRYPT_N", 4)


@pytest.fixture
def desk(tmp_path):
    return Machine(tmp_path / "desk")


@pytest.fixture
def server(tmp_path):
    return Machine(tmp_path / "server")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "acme.login"


@pytest.fixture
def said(capsys):
    """What was said since, line by line; nothing secret among it."""

    def lines():
        captured = capsys.readouterr()
        assert "canary" not in captured.out + captured.err
        return captured.err.replace("mcp-auth-bridge: ", "").splitlines()

    return lines


def refusal(function, *arguments, **options):
    with pytest.raises(BridgeError) as refused:
        function(*arguments, **options)
    assert "canary" not in f"{refused.value.message} {refused.value.hint}"
    assert refused.value.hint
    return type(refused.value), refused.value.message


# The move


def test_a_login_moves_whole_and_is_nowhere_else(desk, server, file, said):
    session = desk.log_in()
    assert desk.export(file) == 0
    assert said() == [
        f"moved the login to acme into {file}, sealed with the passphrase; it is gone from this machine",
        f"on the other machine: mcp-auth-bridge login acme --import {file}",
    ]
    assert (desk.login(), desk.client, desk.store.keys()) == (None, None, [])
    assert server.take(file) == 0
    lines = said()
    assert lines[0] == "signed in to acme as mia@acme.example"
    assert lines[-1] == f"delete {file}: its tokens are spent once this login has been refreshed"
    assert (server.login(), server.client) == (session, session.client)


def test_out_of_a_store_that_machines_share_it_is_gone_for_all_of_them(desk):
    shared = RedisStoreSettings(url="rediss://redis.example:6379/0", key_file="/key")
    reach = StoreAccess(shared, desk.paths).reach
    assert reach == "from the Redis server redis.example:6379, for every machine"


def test_the_file_is_private_and_tells_nothing(desk, file):
    desk.log_in()
    before = os.umask(0)
    try:
        desk.export(file)
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"canary" not in file.read_bytes()


def test_a_login_moves_to_a_machine_that_printed_its_key(desk, server, file, capsys):
    session = desk.log_in()
    assert server.run(key.run(server.context)) == 0
    line = capsys.readouterr().out.strip()
    desk.export(file, recipient=line)
    assert server.take(file, source="") == 0
    assert server.login() == session
    server.run(key.run(server.context))
    assert capsys.readouterr().out.splitlines()[-1] == line


def test_the_key_of_a_machine_is_sealed_and_is_no_login(server, capsys):
    server.run(key.run(server.context))
    line = capsys.readouterr().out.strip()
    private = key.load_machine_key(server.store)
    assert login_export.recipient(private) == line
    for path in server.paths.records.iterdir():
        assert private not in path.read_bytes()
    assert server.run(logout.run(logout.Input(None), server.context)) == 0
    assert key.load_machine_key(server.store) == private


def test_a_copy_leaves_the_login_and_says_what_that_risks(desk, server, file, said):
    session = desk.log_in()
    desk.export(file, copy=True)
    assert any("only one of the two can be refreshed" in line for line in said())
    assert (desk.login(), desk.client.id) == (session, session.client.id)
    server.take(file)
    assert server.login().refresh == session.refresh


# The registration


@pytest.mark.parametrize("newest", ["c", "newer"])
@pytest.mark.parametrize("copy", [False, True])
def test_a_registration_that_both_machines_go_on_using_is_neithers_to_end(desk, server, file, copy, newest):
    desk.serve("work")
    session = desk.log_in()
    if not copy:
        desk.log_in("work")
    key = f"{CLIENTS}{ISSUER}"
    desk.store.save(key, dump(Client(issuer=ISSUER, id=newest)), desk.store.load(key).generation)
    desk.export(file, copy=copy)
    for name in ("acme", "work"):
        record = desk.store.load(f"session {name} {URL}")
        if record is not None:
            desk.store.delete(f"session {name} {URL}", record.generation)
    assert is_used(desk.store, session.client)  # by the login that left
    server.take(file)
    assert (server.login().client.id, server.login().client.management_uri) == ("c", "")
    assert server.login().client.management_token is None


def test_a_registration_that_is_there_already_stays(desk, server, file):
    desk.log_in()
    server.serve("work")
    server.log_in("work", client=Client(issuer=ISSUER, id="there"))
    desk.export(file)
    server.take(file)
    assert (server.client.id, server.login().client.id) == ("there", "c")


def test_a_client_that_a_person_registered_moves_with_its_secret_and_is_no_registration_of_ours(desk, server, file):
    own = Client(issuer=ISSUER, id="own", secret=Secret("canary-client"), registered=False)
    desk.log_in(client=own)
    desk.export(file)
    server.take(file)
    assert (server.login().client, server.client) == (own, None)


# What an export refuses


def test_without_a_login_there_is_nothing_to_export(desk, file):
    assert refusal(desk.export, file) == (LoginRequired, "there is no login to acme here")
    desk.log_in(ended="invalid_grant")
    assert refusal(desk.export, file) == (LoginRequired, "the login to acme has ended")
    assert not file.exists()


def test_a_login_that_is_over_is_neither_exported_nor_imported_nor_in_the_way(desk, server, file, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(export_login.time, "time", lambda: now)
    desk.log_in(refresh=None, expires_at=1500.0)
    server.log_in(refresh=None, expires_at=900.0)
    desk.export(file, copy=True)
    now = 2000.0
    expired = "has expired, and has no refresh token"
    assert refusal(desk.export, file.with_name("again")) == (LoginRequired, f"the login to acme {expired}")
    assert refusal(server.take, file) == (LoginRequired, f"the exported login {expired}")
    now = 1000.0
    assert server.take(file) == 0


def test_nothing_is_ever_overwritten(desk, file, tmp_path):
    session = desk.log_in()
    file.write_text("mine")
    assert refusal(desk.export, file) == (ConfigError, f"{file} exists already, and is not overwritten")
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    assert refusal(desk.export, file) == (ConfigError, f"{file} exists already, and is not overwritten")
    assert not (tmp_path / "elsewhere").exists()
    assert desk.login() == session


def test_a_file_that_appears_while_a_passphrase_is_chosen_is_not_overwritten_either(desk, file, monkeypatch):
    session = desk.log_in()

    async def meanwhile(*_):
        file.write_text("somebody's")
        return Secret(PASSPHRASE)

    monkeypatch.setattr(export_passphrase, "choose_passphrase", meanwhile)
    assert refusal(desk.export, file) == (Exists, f"{file} exists already, and is not overwritten")
    assert (file.read_text(), desk.login()) == ("somebody's", session)


def test_a_file_that_cannot_be_written_costs_no_login(desk, tmp_path):
    session = desk.log_in()
    nowhere = tmp_path / "nowhere"
    assert refusal(desk.export, nowhere / "f") == (ConfigError, f"there is no folder {nowhere}")
    assert refusal(desk.export, "-")[0] is ConfigError
    assert desk.login() == session


def test_a_disk_that_is_full_costs_no_login_and_leaves_no_file(desk, file, monkeypatch):
    session = desk.log_in()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("mcp_auth_bridge.stores.folder.fill", full)
        assert refusal(desk.export, file) == (StoreError, f"there is no space left to write {file}")
    assert (desk.login(), file.exists()) == (session, False)


def test_a_login_that_cannot_be_deleted_is_said_to_be_in_two_places(desk, file, said, monkeypatch):
    session = desk.log_in()

    def stuck(*_):
        raise StoreError("the disk is stuck", "look at it")

    with monkeypatch.context() as patch:
        patch.setattr("mcp_auth_bridge.stores.sealed.SealedStore.delete", stuck)
        assert refusal(desk.export, file) == (StoreError, "the disk is stuck")
    assert said() == [f"{file} holds the login to acme, but it is still here too"]
    assert (desk.login(), file.exists()) == (session, True)


def test_a_login_made_in_that_moment_stays(desk, file, monkeypatch):
    desk.log_in()
    create = export_login.create_file

    def and_somebody_logs_in(path, data):
        create(path, data)
        record = desk.store.load(f"session acme {URL}")
        desk.store.save(f"session acme {URL}", record.secret.replace("canary-refresh", "newer"), record.generation)

    monkeypatch.setattr(export_login, "create_file", and_somebody_logs_in)
    kind, sentence = refusal(desk.export, file)
    assert (kind, "another process has just logged in to acme" in sentence) == (StoreError, True)
    assert desk.login().refresh == Secret("newer")


def test_a_mistyped_key_of_a_machine_costs_no_login(desk, file):
    session = desk.log_in()
    assert refusal(desk.export, file, recipient="mab1-abc") == (StoreError, "--recipient is no key of a machine")
    assert (desk.login(), file.exists()) == (session, False)


@pytest.mark.parametrize("auth", ["{ kind = 'bearer', token = 'env:T' }", "{ kind = 'none' }"])
def test_credentials_of_the_configuration_do_not_move(desk, file, auth):
    desk.serve("tickets", auth=auth)
    for move in (desk.export, desk.take):
        assert refusal(move, file, name="tickets")[1].startswith("tickets uses credentials from its configuration")


def test_a_store_that_forgets_neither_gives_nor_takes_nor_has_a_key(desk, file):
    desk.text = "[store]\nkind = 'memory'\n" + desk.text.partition("\n[servers")[2].join(["[servers", ""])
    for move in (desk.export, desk.take):
        assert "memory" in refusal(move, file)[1]
    assert "memory" in refusal(desk.run, key.run(desk.context))[1]


# What an import refuses


@pytest.fixture
def exported(desk, file):
    desk.log_in()
    desk.export(file)
    return file


def test_a_login_that_is_there_is_replaced_only_on_request(server, exported):
    server.log_in(refresh=Secret("canary-old"), client=Client(issuer=ISSUER, id="c"))
    assert refusal(server.take, exported) == (ConfigError, "acme is signed in already as mia@acme.example")
    assert server.login().refresh == Secret("canary-old")
    assert server.take(exported, replace=True) == 0
    assert server.login().refresh == Secret("canary-refresh")


def test_a_login_that_has_ended_makes_way_by_itself(server, exported):
    server.log_in(ended="invalid_grant")
    assert server.take(exported) == 0
    assert server.login().ended == ""


def test_another_passphrase_and_another_machine_are_told_apart(desk, server, exported, file, tmp_path):
    wrong = (StoreError, "the passphrase does not open the exported login")
    assert refusal(server.take, exported, source="env:OTHER") == wrong
    desk.log_in()
    server.run(key.run(server.context))
    line = login_export.recipient(key.load_machine_key(server.store))
    sealed = tmp_path / "for-server"
    desk.export(sealed, recipient=line)
    third = Machine(tmp_path / "third")
    assert (
        refusal(third.take, sealed)[1]
        == "the exported login is sealed to the key of a machine, and this machine has no key"
    )
    third.run(key.run(third.context))
    assert refusal(third.take, sealed)[1] == "the exported login is sealed to the key of another machine"
    assert third.login() is None
    assert server.take(sealed) == 0


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_file_that_is_no_exported_login_changes_nothing(tmp_path_factory, draw):
    folder = tmp_path_factory.mktemp("machine")
    machine, file = Machine(folder / "home"), folder / "file"
    file.write_bytes(draw.draw(st.binary()))
    assert refusal(machine.take, file)[0] is StoreError
    assert machine.login() is None
    assert refusal(machine.take, folder / "nowhere") == (ConfigError, f"{folder / 'nowhere'} does not exist")


def test_a_login_of_another_server_is_refused(server, exported):
    server.serve("files", "https://files.example/mcp")
    kind, sentence = refusal(server.take, exported, name="files")
    assert (kind, sentence) == (
        ConfigError,
        "the exported login is for “https://acme.example/mcp”, and files is https://files.example/mcp",
    )


def test_a_login_whose_name_is_taken_here_goes_to_that_name(server, exported):
    server.serve("work")
    assert refusal(server.take, exported, name="work") == (
        ConfigError,
        "the exported login is that of acme, not of work",
    )


def test_a_login_may_get_another_name(tmp_path, exported):
    server = Machine(tmp_path / "server")
    server.text = server.text.replace("[servers.acme]", "[servers.files]")
    assert server.take(exported, name="files") == 0
    assert server.login("files").account == "mia@acme.example"


def test_a_login_of_another_account_is_refused(server, exported):
    server.text = server.text.replace("{ kind = 'browser' }", "{ kind = 'browser', account = 'ben@acme.example' }")
    assert refusal(server.take, exported) == (
        ConfigError,
        "the exported login is of “mia@acme.example”, and acme expects “ben@acme.example”",
    )
    assert server.login() is None


# The passphrase


def test_a_passphrase_is_never_on_the_command_line(desk, file):
    desk.log_in()
    for words in ("canary", "literal:canary", "canary ${HOME}"):
        kind, sentence = refusal(desk.export, file, source=words)
        assert (kind, sentence.startswith("--passphrase does not take the passphrase itself")) == (ConfigError, True)


def test_a_short_or_empty_passphrase_seals_nothing(desk, file, monkeypatch):
    desk.log_in()
    assert refusal(desk.export, file, source="env:SHORT") == (
        ConfigError,
        "the passphrase has fewer than 12 characters",
    )
    monkeypatch.setattr(terminal, "piped", piped(b"\n"))
    assert refusal(desk.export, file, source="-") == (ConfigError, "the passphrase is empty")
    assert not file.exists()


def piped(data):
    async def all_of_stdin():
        return data

    return all_of_stdin


def test_passphrase_or_login_may_come_on_stdin_but_not_both(desk, server, file, monkeypatch, tmp_path):
    desk.log_in()
    monkeypatch.setattr(terminal, "piped", piped(f"{PASSPHRASE}\r\n".encode()))
    desk.export(file, source="-")
    assert refusal(server.take, "-", source="-")[1] == "stdin cannot hold both the login and its passphrase"
    (tmp_path / "words").write_text(f"{PASSPHRASE}\n")
    monkeypatch.setattr(terminal, "piped", piped(file.read_bytes()))
    assert server.take("-", source=f"file:{tmp_path / 'words'}") == 0


def test_where_nobody_can_be_asked_the_option_is_named(desk, server, file, exported):
    needed = (ConfigError, "a passphrase is needed, and there is no terminal to ask for it")
    desk.log_in()
    assert refusal(desk.export, file.with_name("second"), source="") == needed
    assert refusal(server.take, exported, source="") == needed


def test_a_new_passphrase_is_typed_twice(desk, server, file, monkeypatch):
    desk.log_in()
    answers = iter([PASSPHRASE, "canary of others", PASSPHRASE, PASSPHRASE, PASSPHRASE])
    monkeypatch.setattr(hidden_prompt, "typed", lambda _question: Secret(next(answers)))
    assert refusal(desk.export, file, source="") == (ConfigError, "the two passphrases differ")
    assert desk.export(file, source="") == 0
    assert server.take(file, source="") == 0


# The command line


MISUSED = [
    ("--copy", "--copy goes with --export, not with a login"),
    ("--replace", "--replace goes with --import, not with a login"),
    ("--passphrase env:P", "--passphrase goes with --export and --import, not with a login"),
    ("--recipient mab1-x", "--recipient goes with --export, not with a login"),
    ("--export f --replace", "--replace goes with --import, not with --export"),
    ("--import f --copy", "--copy goes with --export, not with --import"),
    ("--import f --recipient mab1-x", "--recipient goes with --export, not with --import"),
    ("--export f --device", "--device goes with a login, not with --export"),
    ("--import f --no-browser", "--no-browser goes with a login, not with --import"),
    ("--export f --trust https://x", "--trust goes with a login, not with --export"),
]


@pytest.mark.parametrize(("options", "sentence"), MISUSED)
def test_an_option_that_means_nothing_there_is_refused(options, sentence):
    given = manual.parser().parse_args(["login", "acme", *options.split()])
    assert refusal(main._login, given) == (ConfigError, sentence)


@pytest.mark.parametrize("options", ["", "--export f", "--export f --copy --recipient mab1-x", "--import - --replace"])
def test_what_belongs_together_is_taken(options):
    assert callable(main._login(manual.parser().parse_args(["login", "acme", *options.split()])))


def test_an_empty_name_of_a_file_is_no_login_in_the_browser(desk):
    desk.log_in()
    kind, _ = refusal(desk.export, "")
    assert kind is ConfigError
    story = main._login(manual.parser().parse_args(["login", "acme", "--import", ""]))
    with pytest.raises(BridgeError):
        desk.run(story(desk.context))


# Headers that were kept with the login


@pytest.mark.parametrize("value", ["command:touch {}/ran", "file:{}/config.toml", "env:OTHER", "keyring:entry"])
def test_a_file_does_not_decide_what_is_read_or_run_here(desk, server, file, value, tmp_path):
    desk.log_in(headers={"X-Acme-Org": Secret(value.format(tmp_path))})
    desk.export(file)
    kind, message = refusal(server.take, file)
    assert kind is ConfigError
    assert "the exported login wants the header X-Acme-Org from the " in message
    assert server.login() is None
    assert not (tmp_path / "ran").exists()


def test_an_exported_header_is_left_out_where_the_configuration_has_its_own(desk, server, file):
    desk.log_in(headers={"X-Acme-Org": Secret("env:ORG"), "X-Acme-Team": Secret("canary-7")})
    desk.export(file)
    server.text += "headers = { x-acme-org = '42' }\n"
    server.take(file)
    assert server.login().headers == {"X-Acme-Team": Secret("canary-7")}


@pytest.mark.parametrize("name", ["Host", "Authorization", "Mcp-Session-Id", "X: y\r\nZ"])
def test_an_exported_login_brings_no_header_that_nobody_could_have_given(desk, server, file, name):
    desk.log_in(headers={name: Secret("canary")})
    desk.export(file)
    assert refusal(server.take, file)[0] is ConfigError
    assert server.login() is None
