"""`edit` opens the file in the user's editor and checks it afterwards; their text stays, right or wrong."""

import os
import sys

import pytest
from config_files import OTHERS

from mcp_auth_bridge.commands import edit
from mcp_auth_bridge.errors import ConfigError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the editors are scripts for POSIX")

BAD = OTHERS + "[servers.bad]\nulr = 1\n"


@pytest.fixture
def editor(config, tmp_path):
    """An editor that is called `vim`: each time it notes its arguments, and saves the next of the `texts`."""
    program, log = tmp_path / "vim", tmp_path / "opened"

    def use(*texts):
        for number, text in enumerate(texts):
            (tmp_path / f"text{number}").write_text(text)
        program.write_text(
            f"#!{sys.executable}\nimport shutil, sys, pathlib\n"
            f"log = pathlib.Path({str(log)!r})\n"
            "number = len(log.read_text().splitlines()) if log.exists() else 0\n"
            "log.open('a').write(' '.join(sys.argv[1:-1]) + '\\n')\n"
            f"text = pathlib.Path({str(tmp_path)!r}) / f'text{{number}}'\n"
            "if text.exists(): shutil.copy(text, sys.argv[-1])\n"
        )
        program.chmod(0o755)
        config.environ["EDITOR"] = str(program)
        return lambda: log.read_text().splitlines()

    return use


def edited(config, name=None):
    return config.run(edit.run, edit.Input(name))


@pytest.fixture
def answers(monkeypatch):
    """A user at a terminal who types these lines."""

    def use(*lines):
        rest = list(lines)

        async def read_typed_line():
            return rest.pop(0)

        monkeypatch.setattr(edit, "read_typed_line", read_typed_line)
        monkeypatch.setattr("mcp_auth_bridge.shell.console.terminal.is_interactive", lambda: True)
        monkeypatch.setattr("mcp_auth_bridge.shell.console.terminal.stderr_is_terminal", lambda: True)

    return use


def test_a_good_file_is_in_order(config, editor):
    config.write(OTHERS)
    opened = editor(OTHERS + "# more\n")
    assert edited(config)[::2] == (0, [f"{config.file} is in order"])
    assert opened() == [""]


def test_an_unchanged_file_is_said_to_be_unchanged(config, editor):
    config.write(OTHERS)
    editor()
    assert edited(config)[2] == [f"{config.file} is in order, and has not changed"]


def test_a_missing_file_is_made(config, editor):
    editor()
    assert edited(config)[0] == 0
    assert config.text == ""


def test_a_named_server_is_opened_at_its_line(config, editor):
    config.write(OTHERS)
    opened = editor()
    assert edited(config, "first")[0] == 0
    assert opened() == ["+6"]


def test_a_broken_file_is_opened_at_its_mistake(config, editor):
    config.write("a = 1\nb\n")
    opened = editor(OTHERS)
    assert edited(config, "first")[0] == 0
    assert opened() == ["+2"]


@pytest.mark.parametrize("name", ["frist", "https://first.example/mcp"])
def test_an_unknown_server_is_refused_before_the_editor_opens(config, editor, name):
    config.write(OTHERS)
    editor()
    assert isinstance(edited(config, name)[0], ConfigError)
    assert not (config.folder / "opened").exists()


def test_without_a_terminal_a_mistake_is_told_and_the_text_stays(config, editor):
    config.write(OTHERS)
    editor(BAD)
    error, _, said = edited(config)
    assert error.message == f"{config.file} has a mistake, and stays as you wrote it"
    assert said[0] == f"{config.file}, line 9: servers.bad.ulr is not a known key"
    assert config.text == BAD


def test_the_file_opens_again_at_the_mistake_until_it_is_right(config, editor, answers):
    config.write(OTHERS)
    opened = editor(BAD, "[store]\n[\n", OTHERS + "# done\n")
    answers("\n", "y\n")
    code, _, said = edited(config)
    assert (code, said[-1]) == (0, f"{config.file} is in order")
    assert opened() == ["", "+9", "+2"]
    assert any(line == "open it again at line 9? press Enter for yes, or type n" for line in said)


@pytest.mark.parametrize("typed", ["n\n", ""])
def test_the_user_may_leave_a_mistake(config, editor, answers, typed):
    config.write(OTHERS)
    editor(BAD)
    answers(typed)
    assert "stays as you wrote it" in edited(config)[0].message
    assert config.text == BAD
