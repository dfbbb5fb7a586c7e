"""The operating system's errors about files, each as a `StoreError` that says what to do."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from mcp_auth_bridge.errors import StoreError, os_error_text

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM)

_ELSEWHERE = "make it a place where this user may write, or set MCP_AUTH_BRIDGE_HOME to another folder"


class Missing(StoreError):
    """There is no such file or folder."""


class Forbidden(StoreError):
    """The user has no permission, or the file system is read-only."""


class Exists(StoreError):
    """There is such a file already."""


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn an `OSError` about `path` into a `StoreError` that says what to do."""
    try:
        yield
    except FileNotFoundError:
        raise Missing(f"{path} does not exist", _ELSEWHERE) from None
    except FileExistsError:
        raise Exists(f"{path} exists already, and is not overwritten", f"remove {path}") from None
    except OSError as error:
        if error.errno in FULL:
            raise StoreError(f"there is no space left to write {path}", "free some space and repeat") from None
        if error.errno in _FORBIDDEN:
            raise Forbidden(f"no permission for {path}", f"let this user read and write in {path.parent}") from None
        if error.errno == errno.EROFS:
            raise Forbidden(f"{path} is on a read-only file system", _ELSEWHERE) from None
        if error.errno == errno.ELOOP or path.is_symlink():
            raise StoreError(f"{path} is a symbolic link, which is not followed", f"remove {path}") from None
        raise StoreError(f"{path} cannot be used: {os_error_text(error)}", _ELSEWHERE) from None
