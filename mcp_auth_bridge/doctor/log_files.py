"""The check of the log files of `run`, which a user opens when an IDE does not show stderr."""

from pathlib import Path

from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, ok, skip, warn
from mcp_auth_bridge.doctor.store_look import PATIENCE
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.console.log_folder import is_log_file
from mcp_auth_bridge.shell.files.disk import check_takes
from mcp_auth_bridge.shell.files.paths import NOWHERE
from mcp_auth_bridge.shell.process.threads import run_with_timeout
from mcp_auth_bridge.stores.folder import Folder

_NEEDED = 4096  # bytes: the first lines


async def log_files(evidence: Evidence) -> Finding:
    """Where the log files are, and the newest of them. A bridge works without a log, so nothing here is a failure."""
    paths = evidence.subject.context.paths
    if paths is NOWHERE:
        return skip("there is no folder for them")
    try:
        return await run_with_timeout(lambda: _look_at(paths.log), PATIENCE)  # a network drive may hang
    except StoreError as error:
        return warn(f"`run` keeps no log: {error.message}", error.hint)


def _look_at(folder: Path) -> Finding:
    names = [name for name in Folder(folder).names() if is_log_file(name)]
    check_takes(folder, _NEEDED)
    if not names:
        return ok(f"none yet; `run` will write them to {folder}")
    return ok(f"{len(names)} in {folder}, the newest {names[-1]}")
