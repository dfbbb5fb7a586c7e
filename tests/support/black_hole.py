"""An address that neither accepts nor refuses connections."""

import contextlib
import socket


@contextlib.contextmanager
def black_hole(host="127.0.0.1"):
    """A port with a full backlog: a connection is neither made nor refused."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(family))
        listener.bind((host, 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket(family))
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        yield listener.getsockname()[1]
