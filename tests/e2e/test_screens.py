"""The pictures in docs/screens: the script makes them from real runs, and they show what the program shows today."""

import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
NAMES = [
    f"{name}-{theme}.svg"
    for name in ("waiting", "login", "list", "status", "tools", "doctor")
    for theme in ("light", "dark")
]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="terminals of this kind are POSIX'")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("screens")
    subprocess.run([sys.executable, str(FOLDER / "make.py"), str(folder)], check=True, timeout=100)
    return folder


def words(picture):
    """The words of a picture, without blanks: a duration may have one digit more, and move the end of a line."""
    shown = "".join(unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", picture))
    return re.sub(r"\d+(?=ms\))", "4", re.sub(r"[\s─]", "", shown))


def test_there_is_each_picture_and_no_other(made):
    assert sorted(path.name for path in FOLDER.glob("*.svg")) == sorted(NAMES)
    assert sorted(path.name for path in made.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_shows_what_the_program_shows_today(made, name):
    now, kept = (words((folder / name).read_text(encoding="utf-8")) for folder in (made, FOLDER))
    assert now == kept, "run docs/screens/make.py"


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_fetches_nothing_and_names_nothing_of_this_machine(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert not re.search(r"@font-face|@import|url\((?!#)|<image|<script|href=", text)
    assert str(Path.home()) not in text
    assert "mcp-auth-bridge-" not in text  # a temporary folder


def test_the_waiting_screen_has_the_time_left_and_the_status_a_command_to_run():
    assert "4:58left" in words((FOLDER / "waiting-light.svg").read_text(encoding="utf-8"))
    assert "mcp-auth-bridgeloginacme" in words((FOLDER / "status-dark.svg").read_text(encoding="utf-8"))
