"""Runs the flow of a refresh over the relay's connection pool.

The pool starts faster than `net/oauth_http.py` and knows whether a request was sent. The token endpoint was
validated by the login: metadata of another server do not lead there, and no redirect is followed.
"""

import time

import msgspec

from mcp_auth_bridge.effects import Fetch, Flow, Response
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.net.fetch import LARGEST_RESPONSE, build_request, refusal_text, wait_for_response
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.shell.run_flow import HeadlessLogin, run_flow


async def run_refresh(network: Network, flow: Flow[Session]) -> Session:
    """Run `flow`, a refresh, over a connection of its own, and return its session. Raises any `BridgeError`."""
    # `headers_timeout` is for tools; to give up on a token request early loses the login (`fetch.py`).
    pool = Pool(Network(msgspec.structs.replace(network.settings, headers_timeout=None)))
    try:
        return await run_flow(flow, _RefreshHttp(pool), HeadlessLogin())
    finally:
        await pool.aclose()


class _RefreshHttp:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def fetch(self, effect: Fetch) -> Response:
        return await wait_for_response(effect, self._exchange(effect))

    async def _exchange(self, effect: Fetch) -> Response:
        method, headers, content = build_request(effect)
        fields = [(name.encode(), value.encode()) for name, value in headers.items()]
        with debug_log.timed("oauth", verb=method, url=f"{effect.url.origin}{effect.url.path}") as line:
            answer = await self._pool.exchange(self._pool.prepare(method, effect.url, fields), content or b"")
            line.add(status=answer.status)
            body = await answer.read(LARGEST_RESPONSE)
            line.add(said=refusal_text(answer.status, answer.header("content-type"), body, effect))
        return Response(answer.status, answer.headers, body, time.time(), effect.secrets)
