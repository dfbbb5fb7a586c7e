"""The check of the disk: whether the folders of logins and locks can be written, and what lies in them."""

from collections.abc import Iterator

from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, fail, ok, sign_of, skip, warn
from mcp_auth_bridge.doctor.store_look import PATIENCE, access_of, uses_store
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.files.disk import check_takes, existing, free_bytes, network_file_system
from mcp_auth_bridge.shell.files.paths import HOME_VARIABLE, NOWHERE
from mcp_auth_bridge.shell.process.threads import run_with_timeout
from mcp_auth_bridge.stores.folder import Folder

_NEEDED = 128 * 1024  # bytes: a record, the one before it, and the space for the next one

_GIB = 1 << 30
_UNITS = ((_GIB, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


async def disk(evidence: Evidence) -> Finding:
    """Whether a login can be written. The file that is tried leaves nothing behind."""
    subject, access = evidence.subject, access_of(evidence.subject)
    if subject.context.paths is NOWHERE:
        return skip("there is no folder to look at")
    if access.forgets or (subject.bridge is not None and not uses_store(subject.bridge)):
        return skip("nothing is stored on it")
    try:
        return await run_with_timeout(lambda: _look_at(access), PATIENCE)  # a network drive may hang
    except StoreError as error:
        if await evidence.is_open():
            return ok(f"no login is needed (none could be stored: {error.message})")
        return fail(error.message, error.hint, sign_of(Symptom.FOLDER_UNUSABLE, error))


def _look_at(access: StoreAccess) -> Finding:
    folders = [access.paths.locks] if access.is_shared else [access.paths.records, access.paths.locks]
    for folder in folders:
        check_takes(folder, _NEEDED)
    for folder in folders:
        if kind := network_file_system(folder):
            return warn(
                f"{folder} is on a network drive ({kind}): locks may fail there, and two machines may use one login",
                f"set {HOME_VARIABLE} to a folder on a disk of this machine",
            )
    return ok(f"{_size(free_bytes(folders[0]))} free at {existing(folders[0])}", details=tuple(_leftovers(access)))


def _leftovers(access: StoreAccess) -> Iterator[str]:
    """What ended processes and damaged records have left in the folder of records."""
    names = Folder(access.paths.records).names()
    if count := sum(".tmp" in name for name in names):
        files = "1 temporary file of an ended process" if count == 1 else f"{count} temporary files of ended processes"
        yield f"{files}, which the next login or refresh removes"
    if copies := [name for name in names if ".damaged-" in name]:
        files = "1 copy of a damaged record" if len(copies) == 1 else f"{len(copies)} copies of damaged records"
        yield f"{files}, which nothing needs: {access.paths.records / copies[0]}"


def _size(count: int) -> str:
    unit, name = next(((unit, name) for unit, name in _UNITS if count >= unit), _UNITS[-1])
    return f"{count / unit:.1f} {name}"
