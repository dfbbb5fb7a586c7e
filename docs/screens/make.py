"""Makes the pictures in this folder: real runs of the program on a terminal of 80 columns, against the demo's server.

python docs/screens/make.py [FOLDER]

Only what differs from run to run is replaced, by words of the same length: the port, the home folder, the time, the
versions, and the parameters of the authorization URL. Each run is drawn twice, for a light and for a dark page. A
picture refers to nothing outside of itself.
"""

import asyncio
import json
import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT  # the template that rich documents as `code_format`
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME
from rich.text import Text

from mcp_auth_bridge.demo.server import serving

COLUMNS = 80
HOME = "/home/mia/.config/mcp-auth-bridge"
THEMES = {"light": DEFAULT_TERMINAL_THEME, "dark": SVG_EXPORT_THEME}
TEMPLATE = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # fonts from another place
TEMPLATE = TEMPLATE.replace(
    "<svg ", '<svg xml:space="preserve" ', 1
)  # some programs drop blanks at the beginning of a text

BROWSER = shlex.join([sys.executable, "-P", "-m", "mcp_auth_bridge.demo.consent"])
SCREENS: Mapping[str, tuple[Sequence[str], Callable[[str], str]]] = {
    "waiting": (
        ["login", "demo", "--browser-command", BROWSER],
        lambda shown: until_last(shown, r"\d:\d\d left\x1b\[0m"),
    ),
    "login": (["login", "demo", "--browser-command", BROWSER], lambda shown: shown.partition("\nNext,")[0]),
    "list": (["list"], lambda shown: shown),
    "status": (["status"], lambda shown: shown),
    "tools": (["tools", "demo"], lambda shown: shown),
    "doctor": (["doctor", "suite"], lambda shown: sections(shown, "the server", "verdict")),
}
"""The words of each run, and the part of its output that is drawn."""

REPLACED = {
    r"127\.0\.0\.1:\d{5}": "127.0.0.1:49152",
    r"\?response_type=\S+": "?response_type=code&client_id=…",
    r"until \d\d:\d\d": "until 14:05",
    r"\d(?=\d* ms\))": "4",
    r"valid for \d+ minutes": "valid for 60 minutes",
    r"\d:\d\d left": "4:58 left",
    "[⠁-⣿]": "⠹",
    r"mcp-auth-bridge \d+\.\d+\.\d+\S*": "mcp-auth-bridge 1.0.0",
}


def until_last(shown: str, pattern: str) -> str:
    """What was on the terminal when the last `pattern` had just been drawn."""
    return shown[: list(re.finditer(pattern, shown))[-1].end()]


def sections(shown: str, *names: str) -> str:
    """The sections of a report with these `names`: the others are about this machine."""
    parts = re.split(r"\n\n", still(shown))
    return "\n\n".join(part for part in parts if re.sub(r"\x1b\[[\d;]*m", "", part).split("\n")[0].strip() in names)


def still(shown: str) -> str:
    """What stays on the terminal, without what was drawn over. Colours stay."""
    text = re.sub(r"[^\n]*\n\r?\x1b\[1A\x1b\[2K", "", shown.replace("\r\n", "\n"))
    return "\n".join(line.rpartition("\x1b[2K")[2].replace("\r", "") for line in text.split("\n"))


def run(arguments: Sequence[str], home: Path) -> str:
    """What the program writes to its terminal."""
    ours, theirs = pty.openpty()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "MCP_AUTH_BRIDGE_HOME": str(home),
        "COLUMNS": str(COLUMNS),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }
    argv = [sys.executable, "-P", "-m", "mcp_auth_bridge", *arguments]
    with subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                chunk = os.read(ours, 4096)
            except OSError:  # its last process has ended
                break
            shown += chunk
        os.close(ours)
        process.wait()
    return shown.decode()


def draw(name: str, arguments: Sequence[str], shown: str, home: Path, folder: Path) -> None:
    """Write one picture for each theme."""
    text = shown.replace(str(home), HOME)
    for pattern, words in REPLACED.items():
        text = re.sub(pattern, words, text)
    typed = shlex.join(arguments).partition(" --browser-command")[0]
    for theme, colours in THEMES.items():
        console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, color_system="truecolor")
        console.print(Text(f"$ mcp-auth-bridge {typed}", "bold"))
        console.print(Text.from_ansi(text.strip("\n")), soft_wrap=False)
        picture = console.export_svg(title="", theme=colours, code_format=TEMPLATE, unique_id=f"{name}-{theme}")
        (folder / f"{name}-{theme}.svg").write_text(
            "\n".join(line.rstrip() for line in picture.splitlines()) + "\n", encoding="utf-8"
        )


async def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="mcp-auth-bridge-") as outer:
        home = Path(outer, "h" * (len(HOME) - len(outer) - 1))  # as long as the words in its place
        await asyncio.to_thread(home.mkdir)
        async with serving(time.time, os.urandom, 3600) as grants:
            key = json.dumps(str(home / "key"))
            (home / "config.toml").write_text(
                f'[store]\nkind = "key_file"\npath = {key}\n\n[servers.demo]\nurl = "{grants.resource}"\n\n'
                '[servers.acme]\nurl = "https://mcp.acme.example/mcp"\n\n'
                f'[servers.suite]\nurl = "{grants.issuer}/mpc"\n',
                encoding="utf-8",
            )
            for name, (arguments, part) in SCREENS.items():
                shown = await asyncio.to_thread(run, arguments, home)
                draw(name, arguments, still(part(shown)), home, folder)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent))
