"""The passphrase of an exported login: where it may come from, and which is refused."""

from moving import PASSPHRASE, refusal

from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.console import hidden_prompt, terminal


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
    monkeypatch.setattr(terminal, "read_stdin", piped(b"\n"))
    assert refusal(desk.export, file, source="-") == (ConfigError, "the passphrase is empty")
    assert not file.exists()


def piped(data):
    async def all_of_stdin():
        return data

    return all_of_stdin


def test_passphrase_or_login_may_come_on_stdin_but_not_both(desk, server, file, monkeypatch, tmp_path):
    desk.log_in()
    monkeypatch.setattr(terminal, "read_stdin", piped(f"{PASSPHRASE}\r\n".encode()))
    desk.export(file, source="-")
    assert refusal(server.take, "-", source="-")[1] == "stdin cannot hold both the login and its passphrase"
    (tmp_path / "words").write_text(f"{PASSPHRASE}\n")
    monkeypatch.setattr(terminal, "read_stdin", piped(file.read_bytes()))
    assert server.take("-", source=f"file:{tmp_path / 'words'}") == 0


def test_without_a_terminal_the_option_is_named(desk, server, file, exported):
    needed = (ConfigError, "a passphrase is needed, and there is no terminal to ask for it")
    desk.log_in()
    assert refusal(desk.export, file.with_name("second"), source="") == needed
    assert refusal(server.take, exported, source="") == needed


def test_a_new_passphrase_is_typed_twice(desk, server, file, monkeypatch):
    desk.log_in()
    answers = iter([PASSPHRASE, "canary of others", PASSPHRASE, PASSPHRASE, PASSPHRASE])
    monkeypatch.setattr(hidden_prompt, "ask_secret", lambda _question: Secret(next(answers)))
    assert refusal(desk.export, file, source="") == (ConfigError, "the two passphrases differ")
    assert desk.export(file, source="") == 0
    assert server.take(file, source="") == 0
