"""The package as files: its modules, and the order of its rooms (docs/architecture.md)."""

from collections.abc import Iterator
from pathlib import Path

PACKAGE = "mcp_auth_bridge"
ROOT = Path(__file__).parents[2] / PACKAGE

ORDER = """
    errors < secret urls < effects < http_syntax < config < oauth relay clients catalogue reference
    < stores < credentials
    < shell/time_slice shell/owned_tasks < shell/console < shell/process < shell/net shell/files
    < shell/transports shell/browser shell/fleet < shell/run_flow shell/run_relay
    < shell/run_refresh shell/own_client < app < demo doctor < commands < cli < __main__
"""
"""A room imports itself and those before it. Rooms that no `<` separates do not know each other."""


def modules() -> Iterator[tuple[str, Path]]:
    """Every module by its dotted name in the package; a package's `__init__` has the name of the package."""
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


SOURCES = dict(modules())
