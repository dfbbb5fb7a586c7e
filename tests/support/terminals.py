"""A program on its own terminal, and a user who types there."""

import os
import pty
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


def read(terminal: int) -> str:
    """What has come on the `terminal`, of which this is our end; "" at the end of it. Several reads may be needed."""
    try:
        return os.read(terminal, 4096).decode(errors="replace")
    except OSError:  # its last process has ended
        return ""
