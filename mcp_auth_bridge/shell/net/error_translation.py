"""Turns the errors of a connection attempt into the bridge's own."""

from collections.abc import Iterator
from contextlib import contextmanager

# Not at the first failure: that may be the want of a file descriptor, which an import needs.
from mcp_auth_bridge.shell.net.connect_errors import connect_error


@contextmanager
def translate_errors(place: str) -> Iterator[None]:
    """Raise errors of the connection attempt inside as `ConnectFailed`, with `place` as the name of the other side."""
    try:
        yield
    except TimeoutError:
        raise  # the deadline covers all steps, and its own message names them
    except (OSError, UnicodeError) as error:  # a host name that cannot be encoded is a UnicodeError
        raise connect_error(error, place) from None
