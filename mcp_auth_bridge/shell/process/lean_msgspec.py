"""Imports msgspec without `typing_extensions`: 3 ms for names that `typing` itself has since Python 3.11."""

import sys
from typing import cast


def load() -> None:
    """Import msgspec; to be called before anything else imports it. Other modules may import `typing_extensions`."""
    if "typing_extensions" in sys.modules:
        return
    modules = cast("dict[str, object]", sys.modules)
    modules["typing_extensions"] = None  # an import of it fails (Python reference, section 5.3.1)
    try:
        import msgspec  # noqa: F401
    finally:
        del modules["typing_extensions"]
