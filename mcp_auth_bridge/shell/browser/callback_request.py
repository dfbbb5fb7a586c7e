"""A request to the loopback callback: read within limits, and recognised as a browser's navigation."""

import asyncio

import h11
import msgspec

from mcp_auth_bridge.http_syntax import media_type

HEAD_LIMIT = 8192

"""Bytes of a request's head."""

_FORM_LIMIT = 65536
"""Bytes of a posted form. After a 307 it is the form of the consent page, where some frameworks keep their state."""

_FORM = "application/x-www-form-urlencoded"


class CallbackRequest(msgspec.Struct, frozen=True):
    """`form` is the body of a POST to the callback, "" for every other request: its body is not read."""

    method: bytes
    target: str
    headers: dict[bytes, bytes]
    form: str = ""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def parameters(self) -> str:
        """The query, or the form if there is no query: the form may repeat names of the query with other values.

        A page that answers 307 keeps the query of the redirect URI; one that posts it (`form_post`) writes none.
        """
        return self.target.partition("?")[2] or self.form

    def is_navigation(self, host: bytes, consent: bytes) -> bool:
        """Whether a browser navigates to `host`. A request of a page's script or image, or a prefetch, does not count.

        A POST names the origin of the page that sent it: `consent`, or `null` after redirects and downgrades (Fetch,
        "append a request `Origin` header"). A GET carries no origin.
        """
        return (
            self.headers.get(b"host") == host
            and not {b"purpose", b"sec-purpose"} & self.headers.keys()  # a browser that prefetches
            and self.headers.get(b"sec-fetch-dest", b"document") == b"document"
            and (self._is_get() or self._is_form(consent))
        )

    def _is_get(self) -> bool:
        return self.method == b"GET" and b"origin" not in self.headers

    def _is_form(self, consent: bytes) -> bool:
        kind = media_type(self.headers.get(b"content-type", b"").decode("latin-1"))
        return self.method == b"POST" and kind == _FORM and self.headers.get(b"origin", b"null") in (b"null", consent)


async def read_request(connection: h11.Connection, reader: asyncio.StreamReader, callback: str) -> CallbackRequest:
    """Read the next request, with its body if it is a POST to the path `callback`.

    Raises `h11.RemoteProtocolError` for a malformed request and for one beyond the limits, `ConnectionError` if the
    connection ends within it.
    """
    request = await _read_event(connection, reader)
    if not isinstance(request, h11.Request):
        raise h11.RemoteProtocolError("a request was expected")
    found = CallbackRequest(request.method, request.target.decode("ascii", "replace"), dict(request.headers))
    if found.method != b"POST" or found.path != callback:
        return found
    form = bytearray()
    while isinstance(data := await _read_event(connection, reader), h11.Data):
        form += data.data
        if len(form) > _FORM_LIMIT:
            raise h11.RemoteProtocolError("the form is too long")
    return msgspec.structs.replace(found, form=form.decode("utf-8", "replace"))


async def _read_event(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Event:
    while not isinstance(event := connection.next_event(), h11.Event):
        if event is not h11.NEED_DATA:
            raise h11.RemoteProtocolError("a request was expected")
        data = await reader.read(HEAD_LIMIT)
        if not data:
            raise ConnectionError("the connection ended before its request did")
        connection.receive_data(data)
    return event
