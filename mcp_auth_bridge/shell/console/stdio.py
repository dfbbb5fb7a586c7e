"""The stdio transport's descriptors, out of reach of all other code in the process."""

import os
import sys


def claim() -> tuple[int, int]:
    """Reserve stdin and stdout for JSON-RPC and return private duplicates of both descriptors.

    A library or a child process that reads fd 0 from now on is at its end at once, and its output to fd 1 goes to
    stderr.
    """
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return incoming, outgoing
