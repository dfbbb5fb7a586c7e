"""A TCP server that plays a script for each connection and records the requests.

A script is a list of steps. No step waits for time to pass: a `Gate` waits until the test opens it.

    server.play([REQUEST, b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok", CUT])
"""

import asyncio
import contextlib
import enum
import socket
import struct


class Step(enum.Enum):
    REQUEST = "read one request: head and Content-Length"
    HEAD = "read one request's head and leave its body in the kernel"
    CUT = "close the connection"
    RESET = "close it with RST, dropping what is unread or unsent"
    HALF_CLOSE = "send FIN and keep reading"
    DRAIN = "read until the client hangs up"
    ABORT_TLS = "end the TCP connection without TLS's close_notify"


REQUEST, HEAD, CUT, RESET, HALF_CLOSE, DRAIN, ABORT_TLS = Step


async def reach_handlers():
    """Let each connection that the loop has accepted reach its handler, which closes it when it is cancelled."""
    for _ in range(5):  # rounds of the loop between the two
        await asyncio.sleep(0)


class Gate:
    """A step that sets `reached` when the script reaches it and waits until the test sets `open`."""

    def __init__(self):
        self.reached = asyncio.Event()
        self.open = asyncio.Event()


class Scripted:
    """`requests` are the raw requests in order of arrival; `connections` counts the accepted connections.

    Connections play the queued scripts in order; after the last one, each plays `forever`, if given.
    """

    def __init__(self, tls=None, host="127.0.0.1", forever=None, port=0):
        self.host = host
        self._wanted = port
        self.requests = []
        self.connections = 0
        self.ended = 0
        self.errors = []
        self._scripts = []
        self._forever = forever
        self._tls = tls
        self._tasks = set()
        self._some_ended = asyncio.Condition()

    def play(self, *scripts):
        self._scripts.extend(scripts)

    async def __aenter__(self):
        self._server = await asyncio.start_server(
            self._serve, self.host, self._wanted, ssl=self._tls, backlog=1024, limit=1 << 20
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exception):
        self._server.close()
        await reach_handlers()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not exception[0] and self.errors:
            raise self.errors[0]

    async def all_ended(self, count):
        """Wait until `count` connections have been played to their end."""
        async with self._some_ended:
            await self._some_ended.wait_for(lambda: self.ended >= count)

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        self.connections += 1
        script = self._scripts.pop(0) if self._scripts else self._forever
        try:
            if script is None:
                self.errors.append(AssertionError("a connection came for which there is no script"))
            for step in script or ():
                await self._do(step, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client hung up, as the test intends
        finally:
            with contextlib.suppress(ConnectionError, OSError):
                writer.close()
            self.ended += 1
            async with self._some_ended:
                self._some_ended.notify_all()

    async def _do(self, step, reader, writer):
        match step:
            case bytes():
                writer.write(step)
                await writer.drain()
            case Gate():
                step.reached.set()
                await step.open.wait()
            case Step():
                await self._act(step, reader, writer)
            case _:
                await step(reader, writer)

    async def _act(self, step, reader, writer):
        match step:
            case Step.REQUEST | Step.HEAD:
                await self._read(reader, with_body=step is REQUEST)
            case Step.CUT:
                writer.close()
                await writer.wait_closed()
            case Step.RESET:
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            case Step.ABORT_TLS:
                writer.transport.abort()
            case Step.HALF_CLOSE:
                writer.write_eof()
            case Step.DRAIN:
                while await reader.read(1 << 16):
                    pass

    async def _read(self, reader, *, with_body):
        head = await reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        body = await reader.readexactly(length) if with_body else b""
        self.requests.append(head + body)


def ok(body=b"ok", *headers):
    """A 200 response with a length."""
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def proxy(scripted, reader, writer, *, status=b"200 Connection established", authorization=None):
    """A step: a real CONNECT proxy. Records the CONNECT in `scripted.requests`, then carries bytes both ways."""
    head = await reader.readuntil(b"\r\n\r\n")
    scripted.requests.append(head)
    if authorization is not None and b"Proxy-Authorization: " + authorization not in head:
        status = b"407 Proxy Authentication Required"
    if not status.startswith(b"2"):
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        return
    port = int(head.split()[1].rpartition(b":")[2])
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HTTP/1.1 " + status + b"\r\n\r\n")
    await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))


async def _carry(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
