"""A login made on a desktop serves a machine without browser, keyring or user: a sealed file carries it there."""

import os
import shlex

import pytest
import terminals
from documents import block
from installed import Bridge, wait_for
from place import Place, at_oidc_provider, says_to_log_in, status
from program import command
from words import complaint, text

ADD = {"a": 1, "b": 2}
PASSPHRASE = "tickets and tea at nine"


@pytest.fixture
def desk(bridge, place) -> Bridge:
    """Logged in as `acme`."""
    bridge.add_server("acme", place.url)
    bridge.login("acme")
    return bridge


@pytest.fixture
def server(tmp_path, place) -> Bridge:
    """Another home with another sealing key, which systemd has put into its credentials folder."""
    home, credentials = tmp_path / "server", tmp_path / "credentials"
    home.mkdir(0o700)
    credentials.mkdir(0o700)
    server = Bridge(home)
    (home / "sealing.key").unlink()
    key = credentials / "bridge-key"
    key.touch(0o600)
    key.write_text("YW5vdGhlci1zZWFsaW5nLWtleS1vbi10aGUtc2VydmU=\n")
    key.chmod(0o400)
    server.environment["CREDENTIALS_DIRECTORY"] = str(credentials)
    server.store = '[store]\nkind = "key_file"\npath = "${CREDENTIALS_DIRECTORY}/bridge-key"'
    server.add_server("acme", place.url)
    return server


@pytest.fixture
def place(authorization_server, protected_server) -> Place:
    """oidc-provider only: it ends the grant when a refresh token is used twice."""
    return at_oidc_provider(authorization_server, protected_server)


@pytest.fixture
def file(tmp_path) -> str:
    return str(tmp_path / "acme.login")


@pytest.fixture
def passphrase(tmp_path) -> str:
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    return f"file:{tmp_path / 'passphrase'}"


def test_a_moved_login_keeps_working_on_the_other_machine(place, desk, server, file, passphrase) -> None:
    with desk.stdio("acme") as process:
        process.initialize()
        assert text(process.call("add", ADD)) == "3"
        done = desk.run("login", "acme", "--export", file, "--passphrase", passphrase)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        wait_for(lambda: says_to_log_in(process.call("add", ADD)))  # it checks the store once a second
    assert status(desk)["state"] == "signed out"
    taken = server.run("login", "acme", "--import", file, "--passphrase", passphrase)
    assert (taken.returncode, taken.stdout) == (0, ""), taken.stderr
    assert status(server)["account"] == place.server.about["account"]
    place.refuse_tokens()  # so that it has to be refreshed
    for _ in range(2):
        with server.stdio("acme") as process:
            process.initialize()
            assert text(process.call("add", ADD)) == "3"
    assert place.server.refreshes == {"success": 1}
    assert place.counters["reuseDetections"] == 0
    assert place.counters["registrations"] == 1
    assert server.launches == []
    assert server.run("logout", "acme").returncode == 0
    assert place.counters["revocations"] == 1


def test_a_login_moves_as_documented(place, desk, server) -> None:
    """The document runs its lines in turn on the server, on the desktop and on the server."""
    lines = block("docs/headless.md", "moving a login").replace("login files ", "login acme ").splitlines()
    file, recipient = str(desk.home / "files.login"), ""
    for line, machine in zip(lines, (server, desk, server), strict=True):
        words = line.replace("files.login", file).replace("RECIPIENT", recipient)
        done = machine.run(*shlex.split(words, comments=True)[1:])
        assert done.returncode == 0, done.stderr
        recipient = recipient or done.stdout.strip()
    with server.stdio("acme") as process:
        process.initialize()
        assert text(process.call("add", ADD)) == "3"


@pytest.mark.slow
def test_a_login_moves_only_to_the_machine_that_printed_the_key(desk, server, file) -> None:
    key = server.run("key").stdout.strip()
    assert desk.run("login", "acme", "--export", file, "--recipient", key).returncode == 0
    refused = desk.run("login", "acme", "--import", file)
    assert refused.returncode == 5
    assert (
        complaint(refused.stderr)[0]
        == "the exported login is sealed to the key of a machine, and this machine has no key"
    )
    assert server.run("login", "acme", "--import", file).returncode == 0
    with server.stdio("acme") as process:
        process.initialize()
        assert text(process.call("add", ADD)) == "3"


def test_headless_commands_name_the_missing_passphrase_instead_of_asking(desk, server, file) -> None:
    done = desk.run("login", "acme", "--export", file)
    assert done.returncode == 2
    sentence, hint = complaint(done.stderr)
    assert sentence == "a passphrase is needed, and there is no terminal to ask for it"
    assert "--passphrase env:NAME" in hint
    assert status(desk)["state"] == "signed in"


@pytest.mark.slow
def test_a_user_types_the_passphrase_twice_without_an_echo(desk, server, file, passphrase) -> None:
    status_code, shown = typing(desk, [f"{PASSPHRASE}\n"] * 2, "login", "acme", "--export", file)
    assert status_code == 0, shown
    assert shown.count("passphrase for the exported login:") == 1
    assert PASSPHRASE not in shown
    taken = server.run("login", "acme", "--import", file, "--passphrase", passphrase)
    assert taken.returncode == 0, taken.stderr


@pytest.mark.slow
def test_ctrl_c_at_the_passphrase_ends_the_command_at_once_and_moves_nothing(desk, file) -> None:
    status_code, shown = typing(desk, ["half of it\x03"], "login", "acme", "--export", file)
    assert status_code == 130, shown
    assert "half of it" not in shown
    assert not os.path.lexists(file)
    assert status(desk)["state"] == "signed in"


def typing(bridge: Bridge, answers: list[str], *arguments: str) -> tuple[int, str]:
    """Run one command on its own terminal; each answer is typed after its question has appeared."""
    questions = ["passphrase for the exported login: ", "the same once more: "]
    return terminals.typing([command(), *arguments], bridge.environment, [*zip(questions, answers, strict=False)])


# The place of the sealing key


def test_a_service_without_its_credentials_folder_names_the_missing_variable(server) -> None:
    del server.environment["CREDENTIALS_DIRECTORY"]
    done = server.run("key")
    sentence, _ = complaint(done.stderr)
    assert sentence == (
        "the path of the sealing key should come from the environment variable CREDENTIALS_DIRECTORY, which is not set"
    )
    with server.stdio("acme") as process:
        assert "result" in process.initialize()


def test_a_relative_path_is_refused_because_an_ide_starts_run_in_any_folder(server, tmp_path) -> None:
    server.environment["CREDENTIALS_DIRECTORY"] = "credentials"
    done = server.run("key")
    assert done.returncode == 2
    assert complaint(done.stderr)[0] == ("the path of the sealing key, credentials/bridge-key, is not absolute")


def test_a_key_that_systemd_should_provide_is_not_created_elsewhere(server) -> None:
    missing = "/proc/no-such-credential"
    server.store = f'[store]\nkind = "key_file"\npath = "{missing}"'
    server.add_server("other", "https://other.example/mcp")
    done = server.run("key")
    assert done.returncode == 5
    assert missing in complaint(done.stderr)[0]
