"""How often a slow test does what it repeats: a fifth of the whole in each run of CI, all of it with `--thorough`."""

import os

THOROUGH = "MCP_AUTH_BRIDGE_TESTS_THOROUGH"
"""Set by `pytest --thorough` for itself and its workers."""


def times(count: int) -> int:
    """`count` with `--thorough`, else a fifth of it, and one at least."""
    return count if os.environ.get(THOROUGH) else max(1, count // 5)
