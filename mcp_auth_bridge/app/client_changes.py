"""An entry of the bridge written into the file of a client, or taken out of it, with a receipt."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TypeVar

from mcp_auth_bridge.app.client_entries import ByHand, Change, Found, TargetFile
from mcp_auth_bridge.clients.editing import NOTHING_ELSE, remove_value
from mcp_auth_bridge.clients.entry_form import Scope
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.files.client_files import delete_file, drop_backup, read_file, write_file
from mcp_auth_bridge.shell.files.lock import Locks
from mcp_auth_bridge.shell.files.paths import Paths
from mcp_auth_bridge.shell.files.receipts import Receipt, Receipts
from mcp_auth_bridge.shell.files.user_file import ChangedMeanwhile, replace_user_file

_MODES = {Scope.USER: 0o600, Scope.WORKSPACE: 0o644}
"""The permissions of a new file: clients write secrets into the user's own, and a project's is for its repository."""


_ATTEMPTS = 10  # Claude Code replaces its file now and then while it runs

_T = TypeVar("_T")


def changing(paths: Paths) -> AbstractContextManager[None]:
    """Exclude other processes of the bridge from the clients' files, from the reading of one to its replacement.

    Raises `StoreError`.
    """
    return Locks(paths.locks).mutex("the files of the clients")


def persisting(edit: Callable[[], _T]) -> _T:
    """The result of `edit`, which reads a file and replaces it, begun anew while another program changes the file."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(ChangedMeanwhile):
            return edit()
    return edit()


def carry_out(change: Change, scope: Scope, receipts: Receipts) -> None:
    """Write `change`. Raises `ByHand` if the file may not be written, `ChangedMeanwhile` if it has changed."""
    content = change.at.content
    try:
        folders = write_file(content, change.edited.text, _MODES[scope])
    except ChangedMeanwhile:
        raise
    except ConfigError as error:
        raise ByHand(error.message, error.hint, change.snippet) from None
    made = tuple(map(str, folders))
    receipts.add(
        Receipt(str(content.path), change.at.target.key, change.place, change.edited.undo, content.data is None, made)
    )


def take_out(found: Found, at: TargetFile, receipts: Receipts) -> None:
    """Remove the entry `found`, and all that was made for it alone.

    Raises `ConfigError`, such as `ChangedMeanwhile`; then the file is as it was.
    """
    content = at.content
    receipt = receipts.find(content.path, found.place)
    undo = receipt.undo if receipt else NOTHING_ELSE
    try:
        text = remove_value(content.text, at.kind.format, found.place, undo)
    except ConfigError as error:
        raise ConfigError(f"{content.path}: {error.message}", f"remove {found.place[-1]} from it by hand") from None
    if receipt is not None and receipt.made_file and text.strip("\ufeff \t\r\n") in ("", "{}"):
        delete_file(content, list(map(Path, receipt.made_folders)))
    else:
        replace_user_file(content, text)
        drop_backup(read_file(content.path))
    if receipt is not None:
        receipts.drop(receipt)
