"""A request to the loopback callback: read within limits, and whether a person's browser sent it by going there."""

import asyncio

import h11
import msgspec

from mcp_auth_bridge.http_syntax import media_type

HEAD_LIMIT = 8192

_FORM_LIMIT = 65536
"""Bytes of a posted form. After a 307 it is the consent page's own, and some frameworks carry their state in one."""

_FORM = "application/x-www-form-urlencoded"


class Navigation(msgspec.Struct, frozen=True):
    """`form` is the body of what was posted to the callback, "" for every other request: no other body is read."""

    method: bytes
    target: str
    headers: dict[bytes, bytes]
    form: str = ""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def parameters(self) -> str:
        """The query. Only where there is none the form: it may repeat names that the query has, with values of its own.

        A page that answers 307 keeps the query of the redirect URI; one that posts it (`form_post`) writes none.
        """
        return self.target.partition("?")[2] or self.form

    def is_of_browser(self, host: bytes, consent: bytes) -> bool:
        """Whether a person's browser goes to `host`, rather than a web page's script or image, or a look ahead.

        With a POST comes the origin of the page that began it: `consent`, or `null` after redirects and downgrades
        (Fetch, "append a request `Origin` header"). With a GET comes none.
        """
        return (
            self.headers.get(b"host") == host
            and not {b"purpose", b"sec-purpose"} & self.headers.keys()  # a browser that only looks ahead
            and self.headers.get(b"sec-fetch-dest", b"document") == b"document"
            and (self._is_get() or self._is_form(consent))
        )

    def _is_get(self) -> bool:
        return self.method == b"GET" and b"origin" not in self.headers

    def _is_form(self, consent: bytes) -> bool:
        kind = media_type(self.headers.get(b"content-type", b"").decode("latin-1"))
        return self.method == b"POST" and kind == _FORM and self.headers.get(b"origin", b"null") in (b"null", consent)


async def read(connection: h11.Connection, reader: asyncio.StreamReader, callback: str) -> Navigation:
    """The next request; with its body if it is a POST to the path `callback`.

    Raises `h11.RemoteProtocolError` for what is none or exceeds the limits, `ConnectionError` where it breaks off.
    """
    request = await _event(connection, reader)
    if not isinstance(request, h11.Request):
        raise h11.RemoteProtocolError("a request was expected")
    found = Navigation(request.method, request.target.decode("ascii", "replace"), dict(request.headers))
    if found.method != b"POST" or found.path != callback:
        return found
    form = bytearray()
    while isinstance(data := await _event(connection, reader), h11.Data):
        form += data.data
        if len(form) > _FORM_LIMIT:
            raise h11.RemoteProtocolError("the form is too long")
    return msgspec.structs.replace(found, form=form.decode("utf-8", "replace"))


async def _event(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Event:
    while not isinstance(event := connection.next_event(), h11.Event):
        if event is not h11.NEED_DATA:
            raise h11.RemoteProtocolError("a request was expected")
        data = await reader.read(HEAD_LIMIT)
        if not data:
            raise ConnectionError("the connection ended before its request did")
        connection.receive_data(data)
    return event
