"""The callback on 127.0.0.1 (RFC 8252 section 7.3): one path takes one valid callback and shows how the login ended.

The browser's way to the authorization server begins here, too. The program that opens the browser gets an address in
its command line, which every user of the machine can read. So this is an address of our own, the entrance: it redirects
one browser, once.

Only a request of this user that carries the login's own `state` has any effect. Its browser is redirected at once to an
address without the code, waits there for the end of the login and is then shown the outcome. Every other request gets
the same short 404.

A POST with the right state counts as well: where a server answers a posted consent page with 307, the browser posts to
the redirect URI (claude-ai-mcp #250), and with `form_post` it does so on purpose. The state proves a POST as it proves
a GET: it cannot be guessed, it counts once, and PKCE makes another login's code worthless. In addition, a POST must be
a form of bounded size, sent by a page of the authorization endpoint's origin, or with an origin that the browser hides
(Fetch says when).
"""

import asyncio
import contextlib
import errno
import os
from collections.abc import Mapping
from hmac import compare_digest
from urllib.parse import parse_qsl

import h11

from mcp_auth_bridge.errors import LoginRequired
from mcp_auth_bridge.oauth.documents import known_error
from mcp_auth_bridge.shell.browser import callback_request, page_frame, pages, socket_owner
from mcp_auth_bridge.shell.browser.callback_request import CallbackRequest
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.urls import CALLBACK_PATH, Purpose, gate

_MOST_UNREAD = 64  # connections that have not sent a whole request yet
_REQUEST_TIMEOUT = 5.0  # seconds
_LAST_PAGE_TIMEOUT = 1.0  # seconds
_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", page_frame.policy().encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"connection", b"close"),
]

_OTHER_USER = (
    "another user of this machine tried to use the address of this login, and was turned away; if that was you, log in"
    " as the user who runs that browser, or with --paste"
)


class Loopback:
    """Waits for one login. `listen` binds, `wait_for_callback` waits, `finish` shows the last page and closes."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        # the listening sockets; `localhost` has two
        self._servers: list[asyncio.Server] = []
        # the redirect URI
        self._host, self._port, self._path = "", 0, CALLBACK_PATH
        # the state of the login that is waited for, b"" before that
        self._state = b""
        # the parameters of the first valid callback
        self._callback: asyncio.Future[Mapping[str, str]] = loop.create_future()
        # the page that shows how the login ended
        self._outcome: asyncio.Future[bytes] = loop.create_future()
        # path of that page: other users cannot guess it, and the browser's history has it instead of the code
        self._outcome_path = f"/login/{os.urandom(8).hex()}"
        # path of the entrance, the URL to which it redirects once ("" afterwards), and the origin of that URL
        self._entrance_path, self._authorization_url, self._consent_origin = "", "", b""
        # whether the user has been told of an error without state, and of another user
        self._reported_stray, self._reported_other_user = False, False
        # set once the page about the outcome has been sent
        self._shown = asyncio.Event()
        # the page for a browser with a login that did not count, b"" before there is one
        self._superseded_page = b""
        # connections that have not sent a whole request yet, the oldest first
        self._unread: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        # connections that wait for their page or get it
        self._answering: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def listen(self, port: int = 0, host: str = "127.0.0.1", path: str = CALLBACK_PATH) -> str:
        """Bind `port` and return the redirect URI. A busy port is replaced by a free one, so the caller must compare.

        Only `path` takes callbacks. A browser may resolve `localhost` to either address family, so both are bound if
        the system has both.
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

    def create_entrance(self, url: str) -> str:
        """Return an address that redirects one browser to `url`, so that `url` stays out of every command line."""
        self._entrance_path, self._authorization_url = f"/open/{os.urandom(16).hex()}", url
        self._consent_origin = gate(url, Purpose.AUTHORIZATION).origin.encode()
        return f"http://{self._host}:{self._port}{self._entrance_path}"

    @property
    def _redirect_uri(self) -> str:
        return f"http://{self._host}:{self._port}{self._path}"

    async def _bind(self, port: int, host: str) -> list[asyncio.Server]:
        servers = [await asyncio.start_server(self._accept, "127.0.0.1", port)]
        if host == "localhost":
            bound = servers[0].sockets[0].getsockname()[1]
            try:
                servers.append(await asyncio.start_server(self._accept, "::1", bound))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:  # another process would get the callback
                    servers[0].close()
                    raise
        return servers

    async def wait_for_callback(self, state: str, timeout: float) -> Mapping[str, str]:  # noqa: ASYNC109 - the error explains it
        """Return the parameters of the first callback with this `state`.

        Raises `LoginRequired` after `timeout` seconds.
        """
        self._state = state.encode()
        if self._callback.done():
            self._begin_again()
        done, _ = await asyncio.wait((self._callback,), timeout=timeout)
        if not done:
            minutes = f"{timeout / 60:g} minutes"
            raise LoginRequired(
                f"the login was not finished in the browser within {minutes}",
                "run the command again; with --fresh if the browser showed an error about the client",
            )
        return self._callback.result()

    def _begin_again(self) -> None:
        """Release the browser of the first callback: the login asks the user once more, in another tab."""
        self._superseded_page = pages.failure("this login did not count", "sign in once more in the tab that opens")
        self._outcome.set_result(self._superseded_page)
        loop = asyncio.get_running_loop()
        self._callback, self._outcome = loop.create_future(), loop.create_future()

    async def finish(self, page: bytes) -> None:
        """Send the waiting browser its last `page`, and close the port."""
        if not self._outcome.done():
            self._outcome.set_result(page)
        if self._callback.done():  # its browser may still be on its way to the last page
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
            self._abort_oldest_unread()
        self._unread[task] = writer
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=callback_request.HEAD_LIMIT)
        try:
            async with asyncio.timeout(_REQUEST_TIMEOUT):
                request = await callback_request.read_request(connection, reader, self._path)
            self._unread.pop(task, None)
            self._answering[task] = writer
            await self._answer(connection, request, writer)
        except (OSError, TimeoutError, h11.ProtocolError):
            writer.transport.abort()  # a malformed request gets no response
        finally:
            self._unread.pop(task, None)
            self._answering.pop(task, None)
            writer.close()

    def _abort_oldest_unread(self) -> None:
        """Make room: a program that holds silent connections open must not keep the login's browser out."""
        oldest = next(iter(self._unread))
        self._unread.pop(oldest).transport.abort()

    async def _answer(self, connection: h11.Connection, request: CallbackRequest, writer: asyncio.StreamWriter) -> None:
        path = request.path
        parameters = self._parameters(request.parameters) if path == self._path else None
        is_navigation = request.is_navigation(f"{self._host}:{self._port}".encode(), self._consent_origin)
        if path == self._path and parameters is None and is_navigation:
            self._report_stray(request.parameters)
        is_known_page = request.method == b"GET" and path in (self._entrance_path, self._outcome_path)
        belongs_here = parameters is not None or is_known_page
        accepted = belongs_here and is_navigation and not self._is_of_other_user(writer)
        if accepted and path == self._entrance_path:
            url, self._authorization_url = self._authorization_url, ""
            if url:
                await _send(connection, writer, 303, b"", (b"location", url.encode()))
            else:
                await _send(connection, writer, 410, pages.OPENED)
        elif accepted and parameters is not None:
            if not self._callback.done():
                self._callback.set_result(parameters)
            await _send(connection, writer, 303, b"", (b"location", self._outcome_path.encode()))
        elif accepted and path == self._outcome_path and self._callback.done():
            # A second tab or a reload gets the same page; the first one's parameters count.
            await _send(connection, writer, 200, await asyncio.shield(self._outcome))
            self._shown.set()
        elif accepted and path == self._outcome_path and self._superseded_page:
            await _send(connection, writer, 200, self._superseded_page)  # it was on its way when its callback lost
        else:
            await _send(connection, writer, 404, pages.NOT_FOUND)

    def _report_stray(self, text: str) -> None:
        """Tell the user once of an error without a `state`, which RFC 6749 section 4.1.2.1 demands (medusa #15331).

        Any program may have sent it, so it ends nothing; but it may be all that the user is waiting for.
        """
        parameters = dict(parse_qsl(text, keep_blank_values=True))
        if "error" in parameters and "state" not in parameters and not self._reported_stray:
            self._reported_stray = True
            terminal.say(
                f"a browser came back with {known_error(parameters['error'])} but without state, which would prove that"
                " this is about the login here; if it is, press Ctrl-C: the authorization server refused it"
            )

    def _is_of_other_user(self, writer: asyncio.StreamWriter) -> bool:
        """Whether another user of the machine sent a request that belongs to this login.

        The user of this process is told of it once.
        """
        ours, theirs = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
        if not socket_owner.is_of_other_user(ours[:2], theirs[:2]):
            return False
        if not self._reported_other_user:
            self._reported_other_user = True
            terminal.say(_OTHER_USER)
        return True

    def _parameters(self, text: str) -> Mapping[str, str] | None:
        """The callback's parameters if they carry this login's state and no name twice, else None."""
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
