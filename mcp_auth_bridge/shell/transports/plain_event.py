"""A whole stream of one event, as nearly all servers answer a call that has a stream.

Anything else is read by `relay/sse.py`, and this is read as there; but the id and the place in the stream do not matter
after its end.
"""

import re

_ONE_EVENT = rb"(?:id: ?.*\n)?(?:event: ?message\r?\n)?(?:id: ?.*\n)?data: ?(.*)\n\r?\n"
_CR = 13


def plain_event(stream: bytes) -> bytes | None:
    """The data of the event that is all of `stream`; None if it has to be read line by line."""
    found = re.fullmatch(_ONE_EVENT, stream)
    if found is None:
        return None
    data: bytes = found[1]
    if data and data[-1] == _CR:
        data = data[:-1]
    # A CR anywhere else but before a line's end ends a line, too.
    return data if stream.count(b"\r") == stream.count(b"\r\n") else None
