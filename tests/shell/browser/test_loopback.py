"""The callback with real sockets: only the login's own browser has any effect, and it is shown how the login ended."""

import asyncio
import contextlib
import errno
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_auth_bridge.errors import LoginRequired
from mcp_auth_bridge.shell.browser import pages, socket_owner
from mcp_auth_bridge.shell.browser.loopback import Loopback
from mcp_auth_bridge.shell.console import terminal

STATE = "S" * 43
PAGE = pages.success("acme", "ann@example.org")
GOOD = f"/callback?state={STATE}&code=C-1"


class Login:
    """A loopback that waits for its callback, and clients that speak to it."""

    async def __aenter__(self):
        self.complaints = []
        self.browsers = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self.complaints.append(context))
        self.loopback = Loopback()
        self.uri = await self.loopback.listen(0)
        self.port = int(self.uri.split(":")[2].split("/")[0])
        self.waiting = asyncio.create_task(self.loopback.wait_for_callback(STATE, 60.0))
        await asyncio.sleep(0)  # the task has told the loopback its state
        return self

    async def __aexit__(self, *exception):
        self.waiting.cancel()
        await self.loopback.finish(PAGE)
        await asyncio.gather(self.waiting, return_exceptions=True)
        assert self.complaints == []

    async def send(self, raw):
        """The whole response to `raw`, b"" if the connection was closed without one."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(raw)
            await writer.drain()
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async def get(self, target, method="GET", body="", **headers):
        headers = {"Host": f"127.0.0.1:{self.port}", **{name.replace("_", "-"): text for name, text in headers.items()}}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None)
        return await self.send(f"{method} {target} HTTP/1.1\r\n{head}\r\n{body}".encode("latin-1"))

    async def post(self, target, form="", **headers):
        """Post as a browser does; `form` is the body, already encoded."""
        kind = {"Content_Type": "application/x-www-form-urlencoded", **headers}
        return await self.get(target, "POST", form, **{"Content_Length": str(len(form)), **kind})

    async def come_back(self, target=GOOD, **headers):
        """The address to which a browser that came back is redirected."""
        return sent_on(await self.get(target, **headers))

    async def open(self, target=GOOD, **headers):
        """A browser that came back and waits for the page."""
        return await self.wait(await self.come_back(target, **headers))

    async def wait(self, where):
        """A browser that waits for its page at the address to which it was redirected."""
        before = len(self.loopback._answering)
        browser = asyncio.create_task(self.get(where))
        self.browsers.append(browser)  # the loop itself keeps no task alive
        while len(self.loopback._answering) <= before:  # noqa: ASYNC110 - it has no event of its own
            await asyncio.sleep(0)
        return browser


def sent_on(answered):
    head = answered.decode().split("\r\n")
    assert head[0].startswith("HTTP/1.1 303 ")
    return next(line.partition(": ")[2] for line in head if line.startswith("location: "))


def told(story):
    def run(*args, **kwargs):
        async def whole():
            async with Login() as login:
                await story(login, *args, **kwargs)

        asyncio.run(whole())

    run.__name__ = story.__name__
    return run


@told
async def test_the_parameters_of_the_callback_are_returned_and_its_page_comes_only_after_the_end(login):
    browser = await login.open(f"{GOOD}&iss=https%3A%2F%2Fas.example&empty=")
    parameters = await login.waiting
    assert parameters == {"state": STATE, "code": "C-1", "iss": "https://as.example", "empty": ""}
    assert not browser.done()
    await login.loopback.finish(PAGE)
    head, _, body = (await browser).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == PAGE


@told
async def test_every_response_has_the_protective_headers(login):
    answers = [await login.get("/"), await login.get(GOOD)]
    browser = await login.open()
    await login.loopback.finish(PAGE)
    for answered in (*answers, await browser):
        head = answered.partition(b"\r\n\r\n")[0].lower()
        for line in (b"default-src 'none'", b"nosniff", b"no-referrer", b"no-store", b"text/html; charset=utf-8"):
            assert line in head
        assert b"access-control" not in head
    assert b"<script" not in PAGE


@told
async def test_the_browser_ends_at_an_address_that_holds_no_code_and_cannot_be_guessed(login):
    where = await login.come_back()
    assert "?" not in where
    assert "C-1" not in where
    assert where != Loopback()._outcome_path
    browser = await login.open()
    for guess in ("/login", "/login/", where[:-1], f"{where}x", where.replace("/login", "/callback")):
        assert b"404" in (await login.get(guess))[:20]
    for headers in FORGED_HEADERS.values():
        assert b" 200 " not in (await login.get(where, **headers))[:20]
    await login.loopback.finish(PAGE)
    assert (await browser).endswith(PAGE)


@told
async def test_before_the_callback_the_address_of_the_outcome_is_not_found(login):
    assert b"404" in (await login.get(login.loopback._outcome_path))[:20]


@told
async def test_a_browser_that_is_still_on_its_way_gets_the_page_of_a_login_that_was_fast(login):
    where = await login.come_back()
    finishing = asyncio.create_task(login.loopback.finish(PAGE))
    assert (await login.get(where)).endswith(PAGE)
    await finishing


@told
async def test_a_second_tab_gets_the_same_page_and_the_first_ones_parameters_count(login):
    first = await login.open()
    second = await login.open(f"/callback?state={STATE}&code=C-2")
    assert (await login.waiting)["code"] == "C-1"
    await login.loopback.finish(PAGE)
    assert (await first).endswith(PAGE)
    assert (await second).endswith(PAGE)


@told
async def test_a_login_that_asks_once_more_releases_the_first_browser_and_waits_for_the_second(login):
    first = await login.open()
    assert (await login.waiting)["code"] == "C-1"
    login.waiting = asyncio.create_task(login.loopback.wait_for_callback("T" * 43, 60.0))
    assert b"Sign in once more" in await first
    assert b" 404 " in await login.get(GOOD)
    second = await login.open(f"/callback?state={'T' * 43}&code=C-2")
    assert (await login.waiting)["code"] == "C-2"
    await login.loopback.finish(PAGE)
    assert (await second).endswith(PAGE)


@told
async def test_a_first_browser_on_its_way_to_the_last_page_is_released_there(login):
    where = await login.come_back()
    await login.waiting
    login.waiting = asyncio.create_task(login.loopback.wait_for_callback("T" * 43, 60.0))
    await asyncio.sleep(0)
    assert b"Sign in once more" in await login.get(where)
    assert not login.waiting.done()


FORGED_HEADERS = {
    "another host": {"Host": "evil.example"},
    "the name of this machine": {"Host": "localhost"},
    "another port": {"Host": "127.0.0.1:1"},
    "no host": {"Host": None},
    "an origin": {"Origin": "https://evil.example"},
    "our own origin": {"Origin": "http://127.0.0.1"},
    "an image": {"Sec_Fetch_Dest": "image"},
    "a script": {"Sec_Fetch_Dest": "empty"},
    "a frame": {"Sec_Fetch_Dest": "iframe"},
}

FORGED = {
    "another state": ("/callback?state=X&code=evil", {}),
    "no state": ("/callback?code=evil", {}),
    "an empty state": ("/callback?state=&code=evil", {}),
    "a state of odd bytes": ("/callback?state=%ff%00&code=evil", {}),
    "an error without the state": ("/callback?error=access_denied", {}),
    "two states": (f"/callback?state={STATE}&state={STATE}&code=evil", {}),
    "two codes": (f"/callback?state={STATE}&code=C-1&code=evil", {}),
    "two codes, one encoded": (f"/callback?state={STATE}&code=C-1&c%6fde=evil", {}),
    "another path": (f"/callback/?state={STATE}&code=evil", {}),
    "a path above": (f"/x/../callback?state={STATE}&code=evil", {}),
    "the root": (f"/?state={STATE}&code=evil", {}),
    **{name: (GOOD, headers) for name, headers in FORGED_HEADERS.items()},
    "no URL at all": ("//[", {}),
    "an absolute URL without an end": ("http://[::1/callback", {}),
    "a long head": (f"{GOOD}&x={'x' * 20_000}", {}),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_request_changes_nothing(name):
    @told
    async def story(login):
        target, headers = FORGED[name]
        answered = await login.get(target, **headers)
        assert b" 200 " not in answered[:20]
        assert b"evil" not in answered
        assert not login.waiting.done()
        await login.open()
        assert (await login.waiting)["code"] == "C-1"

    story()


# A callback by POST: a consent page answered with 307 (claude-ai-mcp #250), and `form_post`

AUTHORIZE = "https://as.example:443/authorize?client_id=c&state=S"
TYPE = "application/x-www-form-urlencoded"
CONSENT = f"consent=yes&state=of-the-page&state=twice&code=of-the-page&csrf={'t' * 20_000}"

POSTS = {
    "a consent page's form after a 307": (GOOD, CONSENT, {"Origin": "null"}),
    "an empty form after a 307": (GOOD, "", {"Origin": "null"}),
    "a page that does not hide its origin": (GOOD, "consent=yes", {"Origin": "https://as.example"}),
    "a browser that sends no origin": (GOOD, "consent=yes", {}),
    "form_post": ("/callback", f"state={STATE}&code=C-1", {"Origin": "null", "Sec_Fetch_Dest": "document"}),
    "a type with a parameter": (GOOD, "x=", {"Content_Type": f"{TYPE.title()}; charset=UTF-8"}),
}


@pytest.mark.parametrize("name", POSTS)
def test_a_callback_by_post_is_as_good_as_any_other(name):
    @told
    async def story(login):
        login.loopback.create_entrance(AUTHORIZE)
        target, form, headers = POSTS[name]
        browser = await login.wait(sent_on(await login.post(target, form, **headers)))
        assert (await login.waiting)["code"] == "C-1"
        await login.loopback.finish(PAGE)
        assert (await browser).endswith(PAGE)

    story()


FORGED_POSTS = {
    "another state": ("/callback?state=X&code=evil", "", {}),
    "another state in the form": ("/callback", "state=X&code=evil", {}),
    "no state": ("/callback?code=evil", "", {}),
    "a state in the form beside a query": ("/callback?code=evil", f"state={STATE}", {}),
    "a state in the query beside a code in the form": (f"/callback?state={STATE}X", f"state={STATE}&code=evil", {}),
    "two codes": ("/callback", f"state={STATE}&code=C-1&code=evil", {}),
    "another path": (f"/?state={STATE}&code=evil", "", {}),
    "another page's origin": (GOOD, "", {"Origin": "https://evil.example"}),
    "the origin with another port": (GOOD, "", {"Origin": "https://as.example:8443"}),
    "the origin without TLS": (GOOD, "", {"Origin": "http://as.example"}),
    "our own origin": (GOOD, "", {"Origin": "http://127.0.0.1"}),
    "a script": (GOOD, "", {"Origin": "null", "Sec_Fetch_Dest": "empty"}),
    "a frame": (GOOD, "", {"Origin": "null", "Sec_Fetch_Dest": "iframe"}),
    "another host": (GOOD, "", {"Host": "evil.example"}),
    "no type": (GOOD, "", {"Content_Type": None}),
    "a type that needs no preflight": (GOOD, f"state={STATE}", {"Content_Type": "text/plain"}),
    "JSON": ("/callback", f'{{"state": "{STATE}"}}', {"Content_Type": "application/json"}),
    "a form without an end": ("/callback", f"state={STATE}&code=evil&x={'x' * 70_000}", {}),
    "a form that is announced without an end": (GOOD, "x", {"Content_Length": "99999999999"}),
    "no length that is a number": (GOOD, "", {"Content_Length": "x"}),
}


@pytest.mark.parametrize("name", FORGED_POSTS)
def test_a_forged_post_changes_nothing(name):
    @told
    async def story(login):
        login.loopback.create_entrance(AUTHORIZE)
        target, form, headers = FORGED_POSTS[name]
        asking = asyncio.create_task(login.post(target, form, **headers))
        if "announced" not in name:  # that one waits for its time limit
            answered = await asking
            assert answered.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")) or not answered
            assert b"evil" not in answered
        assert not login.waiting.done()
        await login.open()
        assert (await login.waiting)["code"] == "C-1"
        asking.cancel()

    story()


@told
async def test_a_post_opens_neither_the_entrance_nor_the_page_of_the_end(login):
    entrance = login.loopback.create_entrance(AUTHORIZE).removeprefix(f"http://127.0.0.1:{login.port}")
    where = await login.come_back()
    for path in (entrance, where):
        assert (await login.post(path)).startswith(b"HTTP/1.1 404 ")


@told
async def test_an_error_without_a_state_is_reported_for_a_post_too(login):
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal, "say", said.append)
        assert (await login.post("/callback", "error=invalid_scope")).startswith(b"HTTP/1.1 404 ")
    assert "came back with invalid_scope but without state" in said[0]
    assert not login.waiting.done()


@pytest.mark.parametrize("path", ["/", "/oauth/callback", "/a%20b;c=1/'"])
def test_only_the_registered_path_answers(path):
    @told
    async def story(login):
        uri = await login.loopback.listen(0, path=path)
        assert uri == f"http://127.0.0.1:{login.port}{path}"
        for other in {"/", "/callback", "/oauth/callback", f"{path}x", f"{path}/"} - {path}:
            assert (await login.get(f"{other}?state={STATE}&code=evil")).startswith(b"HTTP/1.1 404 ")
        assert not login.waiting.done()
        await login.open(f"{path}?state={STATE}&code=C-1")
        assert (await login.waiting)["code"] == "C-1"

    story()


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "OPTIONS", "DELETE", "CONNECT", "get"])
def test_another_method_changes_nothing(method):
    @told
    async def story(login):
        assert b" 200 " not in (await login.get(GOOD, method=method))[:20]
        assert not login.waiting.done()

    story()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"\x16\x03\x01\x02\x00",
        b"GET",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x00" * 10_000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_a_malformed_request_gets_no_response(raw):
    @told
    async def story(login):
        reader, writer = await asyncio.open_connection("127.0.0.1", login.port)
        writer.write(raw)
        if raw in (b"", b"\r\n", b"GET", b"\x16\x03\x01\x02\x00"):
            writer.write_eof()
        with contextlib.suppress(ConnectionError):
            assert b" 200 " not in await reader.read()
        writer.close()
        assert not login.waiting.done()

    story()


def test_before_the_login_waits_for_anything_nothing_counts():
    async def story():
        login = Login()
        async with login:
            login.loopback._state = b""
            for target in ("/callback?state=&code=evil", "/callback?code=evil", GOOD):
                assert b"404" in await login.get(target)

    asyncio.run(story())


@settings(max_examples=20)
@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=40))
def test_nothing_of_a_request_is_ever_reflected(text):
    @told
    async def story(login):
        forged = await login.get(f"/callback?{text}", X_Header=text)
        assert text.encode() not in forged.partition(b"\r\n\r\n")[2]
        browser = await login.open(f"{GOOD}&x={text.replace('&', '').replace('#', '').replace('=', '')}", X_Header=text)
        await login.loopback.finish(PAGE)
        assert text.encode() not in (await browser).partition(b"\r\n\r\n")[2]

    story()


def test_every_refused_request_gets_the_same_static_page():
    @told
    async def story(login):
        answers = {
            (await login.get(target, **headers))[-200:] for target, headers in (FORGED["no state"], FORGED["an origin"])
        }
        assert answers == {pages.NOT_FOUND[-200:]}

    story()


@told
async def test_five_hundred_idle_sockets_do_not_stop_the_login(login):
    idle = [await asyncio.open_connection("127.0.0.1", login.port) for _ in range(500)]
    browser = await login.open()
    assert (await login.waiting)["code"] == "C-1"
    await login.loopback.finish(PAGE)
    assert (await browser).endswith(PAGE)
    for _, writer in idle:
        writer.close()


@told
async def test_idle_sockets_that_come_later_do_not_close_the_waiting_browser(login):
    browser = await login.open()
    await login.waiting
    idle = [await asyncio.open_connection("127.0.0.1", login.port) for _ in range(100)]
    await login.loopback.finish(PAGE)
    assert (await browser).endswith(PAGE)
    for _, writer in idle:
        writer.close()


def test_the_redirect_uri_is_the_address_and_only_that_address_listens():
    async def story():
        loopback = Loopback()
        uri = await loopback.listen(0)
        assert uri.startswith("http://127.0.0.1:")
        assert uri.endswith("/callback")
        assert await loopback.listen(0) == uri
        assert [listener.getsockname()[0] for listener in loopback._servers[0].sockets] == ["127.0.0.1"]
        await loopback.finish(PAGE)

    asyncio.run(story())


def test_a_free_port_is_bound_and_a_busy_one_is_replaced():
    async def story():
        with socket.create_server(("127.0.0.1", 0)) as busy:
            port = busy.getsockname()[1]
            loopback = Loopback()
            assert f":{port}/" not in await loopback.listen(port)
            await loopback.finish(PAGE)
        loopback = Loopback()
        assert f":{port}/" in await loopback.listen(port)
        await loopback.finish(PAGE)

    asyncio.run(story())


def test_after_the_end_the_port_is_closed():
    async def story():
        login = Login()
        async with login:
            await login.loopback.finish(PAGE)
            with pytest.raises(ConnectionError):
                await asyncio.open_connection("127.0.0.1", login.port)

    asyncio.run(story())


def test_a_login_that_is_not_finished_is_an_error_with_a_hint():
    async def story():
        loopback = Loopback()
        await loopback.listen(0)
        with pytest.raises(LoginRequired, match="the login was not finished in the browser") as raised:
            await loopback.wait_for_callback(STATE, 0.0)
        assert "--fresh" in raised.value.hint
        await loopback.finish(PAGE)

    asyncio.run(story())


@given(st.text(), st.text())
def test_the_page_of_an_error_holds_no_markup_of_its_text(message, hint):
    page = pages.failure(f"<b>{message}", f"<script>{hint}").decode()
    assert "<b>" not in page
    assert "<script" not in page
    assert "<i>" not in pages.success("<i>acme", "<i>ann").decode()


def test_a_page_spells_urls_and_commands_as_they_are():
    page = pages.failure("http://127.0.0.1:7 says no", "run: mcp-auth-bridge login acme").decode()
    assert "<p>http://127.0.0.1:7 says no.</p>" in page
    assert "<p>Run:<code>mcp-auth-bridge login acme</code></p>" in page
    assert "<p>mcp.acme.example:8443 says no.</p>" in pages.failure("mcp.acme.example:8443 says no", "").decode()
    assert '<p class="name">mcp-auth-bridge</p>' in page
    assert "<p>The time is over.</p><p>Try again.</p>" in pages.failure("the time is over", "try again").decode()


def test_localhost_is_bound_for_both_families_and_answers_to_its_own_name_only():
    async def story():
        loopback = Loopback()
        uri = await loopback.listen(0, "localhost")
        port = int(uri.split(":")[2].split("/")[0])
        assert uri == f"http://localhost:{port}/callback"
        waiting = asyncio.ensure_future(loopback.wait_for_callback(STATE, 60))
        statuses = []
        back = f"/callback?state={STATE}&code=C"
        asked = [
            ("127.0.0.1", "127.0.0.1", back),
            ("::1", "localhost", back),
            ("::1", "localhost", loopback._outcome_path),
        ]
        for address, host, target in asked:
            reader, writer = await asyncio.open_connection(address, port)
            writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            if target == loopback._outcome_path:
                assert (await waiting)["code"] == "C"
                await loopback.finish(PAGE)
            statuses.append((await reader.readline())[9:12])
            writer.close()
        assert statuses == [b"404", b"303", b"200"]

    asyncio.run(story())


def test_the_callback_can_move_to_another_port_and_closes_the_earlier_one():
    async def story():
        loopback = Loopback()
        first = await loopback.listen(0)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        second = await loopback.listen(port)
        assert f":{port}/" in second
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", int(first.split(":")[2].split("/")[0]))
        await loopback.finish(PAGE)

    asyncio.run(story())


# The entrance


BEYOND = "https://as.example/authorize?client_id=c&state=S"


@told
async def test_the_entrance_redirects_one_browser_and_shows_the_next_a_page(login):
    address = login.loopback.create_entrance(BEYOND)
    path = address.removeprefix(f"http://127.0.0.1:{login.port}")
    assert path.replace("/", "").isalnum()  # nothing that any shell evaluates
    first = (await login.get(path)).decode()
    assert first.startswith("HTTP/1.1 303 ")
    assert f"location: {BEYOND}\r\n" in first
    assert "referrer-policy: no-referrer\r\n" in first
    second = (await login.get(path)).decode()
    assert second.startswith("HTTP/1.1 410 ")
    assert "as.example" not in second
    assert "Ctrl-C" in second


@told
async def test_the_entrance_is_not_found_by_guessing_or_from_a_web_page(login):
    path = login.loopback.create_entrance(BEYOND).removeprefix(f"http://127.0.0.1:{login.port}")
    for target, headers in [
        ("/open/", {}),
        (path[:-1], {}),
        (path, {"Origin": "https://evil.example"}),
        (path, {"Sec-Purpose": "prefetch"}),
    ]:
        assert (await login.get(target, **headers)).startswith(b"HTTP/1.1 404 ")
    assert (await login.get(path, method="POST")).startswith(b"HTTP/1.1 404 ")
    await login.get(path, method="HEAD")  # wslview of wslu 4 looks at a link before it opens it
    for looking_ahead in ({"Sec_Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}):
        assert (await login.get(path, **looking_ahead)).startswith(b"HTTP/1.1 404 ")
    assert (await login.get(path)).startswith(b"HTTP/1.1 303 ")


# Another user's browser


def owned_by(monkeypatch, uid):
    """Make every peer appear to belong to the user `uid`."""
    sockets = socket_owner._socket_owners
    monkeypatch.setattr(socket_owner, "_socket_owners", lambda: dict.fromkeys(sockets(), uid))


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells the owner of a socket")
def test_another_users_callback_and_entrance_do_nothing_and_this_user_is_told_once(monkeypatch, capsys):
    owned_by(monkeypatch, os.getuid() + 12345)

    @told
    async def story(login):
        path = login.loopback.create_entrance(BEYOND).removeprefix(f"http://127.0.0.1:{login.port}")
        assert (await login.get("/")).startswith(b"HTTP/1.1 404 ")  # has nothing of this login's
        assert capsys.readouterr().err == ""
        for target in (GOOD, path):
            assert (await login.get(target)).startswith(b"HTTP/1.1 404 ")
        assert not login.waiting.done()
        assert capsys.readouterr().err.count("another user of this machine") == 1
        monkeypatch.undo()
        assert (await login.get(path)).startswith(b"HTTP/1.1 303 ")
        assert await login.come_back()

    story()


@pytest.mark.parametrize("uid", sorted({0, os.getuid(), 4711}))
def test_root_this_user_and_the_user_behind_sudo_are_accepted(monkeypatch, uid):
    owned_by(monkeypatch, uid)
    monkeypatch.setenv("SUDO_UID", "4711")

    @told
    async def story(login):
        assert await login.come_back()

    story()


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells the owner of a socket")
@told
async def test_a_peer_that_has_closed_its_end_already_is_not_a_browser(login):
    with socket.create_connection(("127.0.0.1", login.port)) as hasty:
        hasty.sendall(f"GET {GOOD} HTTP/1.1\r\nHost: 127.0.0.1:{login.port}\r\n\r\n".encode())
    # The socket is an orphan now, which the kernel shows without an owner.
    assert await login.get("/")  # the one before it has been answered
    assert not login.waiting.done()


@told
async def test_an_error_without_a_state_is_reported_once_and_ends_nothing(login):
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal, "say", said.append)
        for error in ("invalid_scope", "p4yl0ad%0a%1b[2J"):
            assert (await login.get(f"/callback?error={error}")).startswith(b"HTTP/1.1 404 ")
    assert len(said) == 1
    assert "came back with invalid_scope but without state" in said[0]
    assert not login.waiting.done()
    assert await login.come_back()


def test_a_port_that_another_process_has_on_ipv6_is_not_used_by_half(monkeypatch):
    """It would get the callback of a browser that prefers IPv6."""
    whole, begun = asyncio.start_server, []

    async def start_server(accept, host, port):
        if host == "::1":
            raise OSError(errno.EADDRINUSE, "in use")
        begun.append(await whole(accept, host, port))
        return begun[-1]

    async def story():
        monkeypatch.setattr(asyncio, "start_server", start_server)
        with pytest.raises(OSError, match="in use"):
            await Loopback()._bind(0, "localhost")
        assert [server.is_serving() for server in begun] == [False]

    asyncio.run(story())


def test_a_machine_without_ipv6_loopback_listens_on_ipv4_alone(monkeypatch):
    whole = asyncio.start_server

    async def start_server(accept, host, port):
        if host == "::1":
            raise OSError(errno.EADDRNOTAVAIL, "no such address")
        return await whole(accept, host, port)

    async def story():
        (server,) = await Loopback()._bind(0, "localhost")
        server.close()

    monkeypatch.setattr(asyncio, "start_server", start_server)
    asyncio.run(story())
