"""One short session with the remote: the proof that a login works, and the first things worth remembering."""

from collections.abc import Mapping

from mcp_auth_bridge import __version__
from mcp_auth_bridge.errors import TheirProtocolError
from mcp_auth_bridge.relay import answers
from mcp_auth_bridge.relay.base import Kind, Message
from mcp_auth_bridge.relay.http_rules import LATEST, version_headers
from mcp_auth_bridge.relay.peek import result_of
from mcp_auth_bridge.shell.remote import Remote

OPENING = answers.request(
    "initialize",
    {
        "protocolVersion": LATEST,
        "capabilities": {},
        "clientInfo": {"name": "mcp-auth-bridge", "version": __version__},
    },
)
_OPENED = answers.notification("notifications/initialized")
_TOOLS = answers.request("tools/list", {})
_PING = answers.request("ping", {})


async def prove(remote: Remote) -> Mapping[str, bytes]:
    """Open a session, make one request in it, end it; the raw results by method. Raises any `BridgeError`.

    The request matters: some servers ask for credentials only after `initialize`.
    """
    opened = await _ask(remote, OPENING, {})
    if opened is None:
        raise TheirProtocolError("the server answered initialize with an error")
    result = answers.members(opened)
    headers = version_headers(result.get("protocolVersion"))
    async for _ in remote.post(_OPENED, headers):
        pass  # a notification has no answer
    request = _TOOLS if "tools" in (result.get("capabilities") or {}) else _PING
    listed = await _ask(remote, request, headers)
    await remote.close()
    complete = request is _TOOLS and listed is not None and "nextCursor" not in answers.members(listed)
    return {"initialize": opened, **({"tools/list": listed} if complete and listed is not None else {})}


async def _ask(remote: Remote, request: Message, headers: Mapping[str, str]) -> bytes | None:
    """The raw result, None for a JSON-RPC error."""
    async for message in remote.post(request, headers):
        if message.kind is Kind.RESPONSE and message.key == request.key:
            return result_of(message)
    raise TheirProtocolError(f"the server did not answer {request.method}")
