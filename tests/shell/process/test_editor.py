"""The user's editor is started as an argument vector, at the right line, and Ctrl-C belongs to it meanwhile."""

import os
import signal
import sys

import pytest

from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.process import editor
from mcp_auth_bridge.shell.process.editor import arguments_for, editor_command, open_editor

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the scripts are for POSIX")


def test_visual_comes_before_editor_and_is_split_into_words():
    assert editor_command({"VISUAL": "code --wait", "EDITOR": "vi"}) == ("code", "--wait")
    assert editor_command({"VISUAL": " ", "EDITOR": "'/opt/my editor/ed' -x"}) == ("/opt/my editor/ed", "-x")


def test_a_path_with_blanks_needs_no_quotation_marks(tmp_path):
    program = tmp_path / "my editor"
    program.touch()
    assert editor_command({"EDITOR": str(program)}) == (str(program),)


def test_without_a_variable_an_installed_editor_is_found(tmp_path, monkeypatch):
    program = tmp_path / "nano"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert editor_command({}) == (str(program),)


def test_without_any_editor_the_error_names_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="no editor is known here") as refused:
        editor_command({})
    assert "EDITOR" in refused.value.hint


def test_an_unclosed_quotation_mark_is_refused():
    with pytest.raises(ConfigError, match="the variable EDITOR is not a command"):
        editor_command({"EDITOR": "'code"})


@pytest.mark.parametrize(
    ("command", "line", "arguments"),
    [
        (("/usr/bin/vim",), 7, ("/usr/bin/vim", "+7", "FILE")),
        (("emacsclient", "-t"), 7, ("emacsclient", "-t", "+7", "FILE")),
        (("code", "--wait"), 7, ("code", "--wait", "--goto", "FILE:7")),
        (("C:\\bin\\Code.cmd",), 7, ("C:\\bin\\Code.cmd", "--goto", "FILE:7")),
        (("hx",), 7, ("hx", "FILE:7")),
        (("gedit",), 7, ("gedit", "FILE")),
        (("vim",), 1, ("vim", "FILE")),
        (("hx",), 1, ("hx", "FILE")),
        (("code",), 1, ("code", "FILE")),
    ],
)
def test_known_editors_open_at_the_line(command, line, arguments, tmp_path):
    path = tmp_path / "config.toml"
    expected = tuple(word.replace("FILE", str(path)) for word in arguments)
    assert arguments_for(command, path, line) == expected


def test_the_editor_gets_the_file_and_no_shell_sees_its_name(tmp_path):
    path = tmp_path / "a $(touch no) file"
    open_editor((sys.executable, "-c", "import sys; open(sys.argv[1], 'w').write('edited')"), path, 1)
    assert path.read_text() == "edited"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_ctrl_c_ends_the_editor_and_not_the_bridge(tmp_path):
    script = """
import os, signal, sys
def stop(*_):
    open(sys.argv[1], "w").write("interrupted")
    sys.exit()
assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
signal.signal(signal.SIGINT, stop)
os.kill(os.getppid(), signal.SIGINT)
os.kill(os.getpid(), signal.SIGINT)
"""
    before = signal.getsignal(signal.SIGINT)
    open_editor((sys.executable, "-c", script), tmp_path / "file", 1)
    assert (tmp_path / "file").read_text() == "interrupted"
    assert signal.getsignal(signal.SIGINT) is before


def test_an_editor_that_is_missing_or_fails_is_an_error_in_words(tmp_path):
    with pytest.raises(ConfigError, match="the editor “no-such-editor” cannot be run"):
        open_editor(("no-such-editor",), tmp_path, 1)
    with pytest.raises(ConfigError, match="ended with status 3"):
        open_editor((sys.executable, "-c", "raise SystemExit(3)"), tmp_path, 1)


def test_every_known_editor_takes_a_line_in_one_way():
    known = [*editor._PLUS, *editor._COLON, *editor._GOTO]
    assert len({*known}) == len(known)
