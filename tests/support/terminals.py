"""A program on its own terminal, and a user who types there."""

import os
import pty
import re
import subprocess
from collections.abc import Mapping, Sequence

from needs import found

HANG = 60
"""Seconds that only a hang reaches."""


def typing(argv: Sequence[str], environment: Mapping[str, str], answers: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """The exit code and all output. Each answer is typed once its question appears after the previous answer."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [found("setsid"), "--ctty", *argv], env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown, seen, rest = "", 0, list(answers)
    while chunk := read(ours):
        shown += chunk
        if rest and rest[0][0] in shown[seen:]:
            seen = len(shown)
            os.write(ours, rest.pop(0)[1].encode())
    os.close(ours)
    return process.wait(HANG), shown.replace("\r\n", "\n")


def visible(shown: str) -> list[str]:
    """The lines that stay on the terminal: without colours, and without what was drawn over."""
    lines = re.sub(r"[^\n]*\n\r?\x1b\[1A\x1b\[2K", "", shown).split("\n")
    return [re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", line.rpartition("\x1b[2K")[2]) for line in lines]


def read(terminal: int) -> str:
    """What has come on the `terminal`, of which this is our end; "" at the end of it. Several reads may be needed."""
    try:
        return os.read(terminal, 4096).decode(errors="replace")
    except OSError:  # its last process has ended
        return ""
