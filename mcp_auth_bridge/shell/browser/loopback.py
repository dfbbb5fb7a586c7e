"""The callback on 127.0.0.1 (RFC 8252 section 7.3): one path, one valid answer, and no page before the truth is known.

The way to the authorization server begins here as well. What an opener gets stands in a command line that every user of
the machine can read, so it is an address of our own, which leads one browser on, once.

Only a request of this user that carries the login's own `state` has any effect. The browser that brought it is sent on
at once to an address without the code, waits there for the end of the login and is then told how it went; everybody
else gets the same short 404.

A POST with the good state counts as well: where a posted consent page is answered with 307, the browser posts to the
redirect URI (claude-ai-mcp #250), and `form_post` means to. The state proves it as it proves a GET: nobody guesses it,
it counts once, and PKCE makes a code of somebody else's worthless. Beside that, a POST must be a form of bounded size,
sent by a page of the authorization endpoint's origin, or by one whose origin the browser hides (Fetch says when).
"""

import asyncio
import contextlib
import errno
import os
from collections.abc import Mapping
from hmac import compare_digest
from urllib.parse import parse_qsl

import h11

from mcp_auth_bridge.effects import CALLBACK_PATH
from mcp_auth_bridge.errors import LoginRequired
from mcp_auth_bridge.oauth.documents import known_error
from mcp_auth_bridge.shell.browser import callback_request, pages, socket_owner
from mcp_auth_bridge.shell.browser.callback_request import CallbackRequest
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.urls import Purpose, gate

_MOST_UNREAD = 64
_REQUEST_TIMEOUT = 5.0
_LAST_PAGE_TIMEOUT = 1.0
_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"connection", b"close"),
]

_FOREIGNER = (
    "another user of this machine tried to use the address of this login, and was turned away; if that was you, log in"
    " as the user whose browser it is, or with --paste"
)


class Loopback:
    """Waits for one login. `listen` binds, `callback` waits, `finish` answers the browser and closes."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []
        self._host, self._port, self._path = "", 0, CALLBACK_PATH
        self._state = b""
        self._arrived: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self._outcome: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        # Nobody else may read how the login went; and what stays in the browser's history is no code.
        self._end = f"/login/{os.urandom(8).hex()}"
        self._entrance, self._beyond, self._consent = "", "", b""
        self._told = False
        self._met_foreigners = False
        self._shown = asyncio.Event()
        self._let_go = b""  # the page for browsers whose sign-in did not count
        self._unread: dict[asyncio.Task[None], asyncio.StreamWriter] = {}  # no request yet; the oldest comes first
        self._answering: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def listen(self, port: int = 0, host: str = "127.0.0.1", path: str = CALLBACK_PATH) -> str:
        """Bind and return the redirect URI. A busy `port` is replaced by a free one: the caller compares.

        Only `path` answers. `localhost` may mean either family to a browser, so both are bound where there are both.
        """
        self._path = path
        if self._servers and port in (0, self._port) and host == self._host:
            return self._redirect_uri
        earlier = self._servers
        try:
            self._servers = await self._bind(port, host)
        except OSError:
            self._servers = await self._bind(0, host)
        for server in earlier:
            server.close()
        self._host, self._port = host, self._servers[0].sockets[0].getsockname()[1]
        return self._redirect_uri

    def entrance(self, url: str) -> str:
        """The address at which one browser is sent on to `url`, which nobody reads from a command line then."""
        self._entrance, self._beyond = f"/open/{os.urandom(16).hex()}", url
        self._consent = gate(url, Purpose.AUTHORIZATION).origin.encode()
        return f"http://{self._host}:{self._port}{self._entrance}"

    @property
    def _redirect_uri(self) -> str:
        return f"http://{self._host}:{self._port}{self._path}"

    async def _bind(self, port: int, host: str) -> list[asyncio.Server]:
        servers = [await asyncio.start_server(self._accept, "127.0.0.1", port)]
        if host == "localhost":
            taken = servers[0].sockets[0].getsockname()[1]
            try:
                servers.append(await asyncio.start_server(self._accept, "::1", taken))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:  # somebody else would get what is meant for us
                    servers[0].close()
                    raise
        return servers

    async def callback(self, state: str, timeout: float) -> Mapping[str, str]:  # noqa: ASYNC109 - the error explains it
        """The parameters of the first callback with this `state`. Raises `LoginRequired` after `timeout` seconds."""
        self._state = state.encode()
        if self._arrived.done():
            self._begin_again()
        done, _ = await asyncio.wait((self._arrived,), timeout=timeout)
        if not done:
            minutes = f"{timeout / 60:g} minutes"
            raise LoginRequired(
                f"nobody finished the login in the browser within {minutes}",
                "run the command again; with --fresh if the browser showed an error about the client",
            )
        return self._arrived.result()

    def _begin_again(self) -> None:
        """The person is asked once more: the browser that came back from the first time must not wait for that."""
        self._let_go = pages.failure("this sign-in did not count", "sign in once more in the tab that opens")
        self._outcome.set_result(self._let_go)
        loop = asyncio.get_running_loop()
        self._arrived, self._outcome = loop.create_future(), loop.create_future()

    async def finish(self, page: bytes) -> None:
        """Give the waiting browser its page, and close the port."""
        if not self._outcome.done():
            self._outcome.set_result(page)
        if self._arrived.done():  # its browser may still be on its way to the last page
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._shown.wait(), _LAST_PAGE_TIMEOUT)
        for server in self._servers:
            server.close()
        if self._answering:
            await asyncio.wait(self._answering, timeout=_LAST_PAGE_TIMEOUT)
        rest = {**self._unread, **self._answering}
        for writer in rest.values():
            writer.transport.abort()
        if rest:
            await asyncio.wait(rest)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio runs this callback as a task"  # noqa: S101 - a fact, not a check
        if len(self._unread) >= _MOST_UNREAD:
            self._hang_up_on_the_oldest()
        self._unread[task] = writer
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=callback_request.HEAD_LIMIT)
        try:
            async with asyncio.timeout(_REQUEST_TIMEOUT):
                request = await callback_request.read_request(connection, reader, self._path)
            self._unread.pop(task, None)
            self._answering[task] = writer
            await self._answer(connection, request, writer)
        except (OSError, TimeoutError, h11.ProtocolError):
            writer.transport.abort()  # somebody's broken request is not worth a word
        finally:
            self._unread.pop(task, None)
            self._answering.pop(task, None)
            writer.close()

    def _hang_up_on_the_oldest(self) -> None:
        """Whoever holds connections open and says nothing must not keep the login's browser out."""
        oldest = next(iter(self._unread))
        self._unread.pop(oldest).transport.abort()

    async def _answer(self, connection: h11.Connection, request: CallbackRequest, writer: asyncio.StreamWriter) -> None:
        path = request.path
        parameters = self._parameters(request.parameters) if path == self._path else None
        of_browser = request.is_of_browser(f"{self._host}:{self._port}".encode(), self._consent)
        if path == self._path and parameters is None and of_browser:
            self._tell_of_stray(request.parameters)
        meant = parameters is not None or (request.method == b"GET" and path in (self._entrance, self._end))
        navigates = meant and of_browser and not self._is_foreign(writer)
        if navigates and path == self._entrance:
            beyond, self._beyond = self._beyond, ""
            if beyond:
                await _send(connection, writer, 303, b"", (b"location", beyond.encode()))
            else:
                await _send(connection, writer, 410, pages.OPENED)
        elif navigates and parameters is not None:
            if not self._arrived.done():
                self._arrived.set_result(parameters)
            await _send(connection, writer, 303, b"", (b"location", self._end.encode()))
        elif navigates and path == self._end and self._arrived.done():
            # A second tab or a reload gets the same page; the first one's parameters count.
            await _send(connection, writer, 200, await asyncio.shield(self._outcome))
            self._shown.set()
        elif navigates and path == self._end and self._let_go:
            await _send(connection, writer, 200, self._let_go)  # it was still on its way here when it was let go
        else:
            await _send(connection, writer, 404, pages.NOT_FOUND)

    def _tell_of_stray(self, text: str) -> None:
        """Say once that an error came back without a `state`, which RFC 6749 section 4.1.2.1 demands (medusa #15331).

        It may be anybody's, so it ends nothing; but the person would wait for nothing else.
        """
        parameters = dict(parse_qsl(text, keep_blank_values=True))
        if "error" in parameters and "state" not in parameters and not self._told:
            self._told = True
            terminal.say(
                f"a browser came back with {known_error(parameters['error'])} but without state, which would prove that"
                " this is about the login here; if it is, press Ctrl-C: the authorization server refused it"
            )

    def _is_foreign(self, writer: asyncio.StreamWriter) -> bool:
        """Whether another user calls, with what belongs to this login: of that, this user hears once."""
        ours, theirs = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
        if not socket_owner.is_foreign(ours[:2], theirs[:2]):
            return False
        if not self._met_foreigners:
            self._met_foreigners = True
            terminal.say(_FOREIGNER)
        return True

    def _parameters(self, text: str) -> Mapping[str, str] | None:
        """The callback's parameters if they are this login's, None if they are anybody else's."""
        pairs = parse_qsl(text, keep_blank_values=True)
        parameters = dict(pairs)
        if len(parameters) != len(pairs) or not self._state:
            return None
        ours = compare_digest(parameters.get("state", "").encode("utf-8", "replace"), self._state)
        return parameters if ours else None


async def _send(
    connection: h11.Connection, writer: asyncio.StreamWriter, status: int, page: bytes, *more: tuple[bytes, bytes]
) -> None:
    headers = [*_HEADERS, *more, (b"content-length", str(len(page)).encode())]
    writer.write(connection.send(h11.Response(status_code=status, headers=headers)) or b"")
    writer.write(connection.send(h11.Data(data=page)) or b"")
    await writer.drain()
