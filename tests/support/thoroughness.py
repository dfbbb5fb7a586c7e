"""How often a slow test does what it repeats: a fifth of the whole in each run of CI, all of it with `--thorough`."""

import os

THOROUGH = "MCP_AUTH_BRIDGE_TESTS_THOROUGH"
"""Set by `pytest --thorough` for itself and its workers."""


def is_thorough() -> bool:
    return bool(os.environ.get(THOROUGH))


def times(count: int) -> int:
    """`count` with `--thorough`, else a fifth of it, and one at least."""
    return seconds(count, max(1, count // 5))


def seconds(whole: int, brief: int) -> int:
    """How long a test goes on that has no natural end: `whole` with `--thorough`, else `brief`."""
    return whole if is_thorough() else brief
