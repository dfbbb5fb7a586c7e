"""The evidence that checks share: each piece is gathered once, by the first check that asks for it."""

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.this_system import this_system
from mcp_auth_bridge.clients.client import System
from mcp_auth_bridge.clients.entry_programs import NAME
from mcp_auth_bridge.doctor.client.entries import ClientEntries, sort_entries
from mcp_auth_bridge.doctor.client.files import ClientFiles, read_client_files
from mcp_auth_bridge.doctor.credential.held import hold
from mcp_auth_bridge.doctor.here.store_look import look
from mcp_auth_bridge.doctor.oauth.archive import Archive
from mcp_auth_bridge.doctor.oauth.discovery_result import DiscoveryResult, decide, trust_in
from mcp_auth_bridge.doctor.oauth.documents import Documents, visit_all
from mcp_auth_bridge.doctor.oauth.endpoints import Endpoint, visit_endpoints
from mcp_auth_bridge.doctor.once import Once
from mcp_auth_bridge.doctor.server.answers import Answers, survey
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.way.journey import go


class Evidence:
    """Everything about one subject that more than one check looks at. Nothing here raises a `BridgeError`."""

    def __init__(self, subject: Subject) -> None:
        # What is examined.
        self.subject = subject
        # The store.
        self.store = Once(lambda: look(subject))
        # The credential of the bridge to the server.
        self.credential = Once(lambda: hold(self.bridge, self.store))
        # The answers of the MCP server (`answers.py`).
        self.answers = Once(self._survey)
        # Every OAuth document, fetched once.
        self.archive = Once(self._archive)
        # The well-known addresses, and the documents there.
        self.documents = Once(self._documents)
        # The authorization server that a login would use, or its error.
        self.discovery = Once(self._discovery)
        # The endpoints of that authorization server.
        self.endpoints = Once(self._endpoints)
        # The way to the server. A check that needs a connection skips unless it is `reached`.
        self.way = Once(lambda: go(self.bridge))
        # The configuration files of all clients on this machine.
        self.client_files = Once(self._read_client_files)
        # The entries in them that concern the server.
        self.client_entries = Once(self._sort_entries)

    @property
    def bridge(self) -> Bridge:
        """The bridge to the server: checks of the sections after `HERE` run only if there is one."""
        bridge = self.subject.bridge
        if bridge is None:
            raise AssertionError
        return bridge

    async def _archive(self) -> Archive:
        return Archive(self.bridge.network)

    async def _documents(self) -> Documents:
        held, answers = await self.credential(), await self.answers()
        return await visit_all(await self.archive(), trust_in(self.bridge, held.session), answers.challenge)

    async def _discovery(self) -> DiscoveryResult:
        await self.documents()  # side by side, what the discovery asks for one after the other
        held, answers = await self.credential(), await self.answers()
        return await decide(self.bridge, await self.archive(), answers.challenge, held.session)

    async def _endpoints(self) -> tuple[Endpoint, ...]:
        held, found = await self.credential(), await self.discovery()
        if found.server is None:
            return ()
        return await visit_endpoints(await self.archive(), trust_in(self.bridge, held.session), found.server)

    async def is_open(self) -> bool:
        """Whether the server is known to serve a client without a login."""
        session = (await self.answers()).stranger_session if self.subject.bridge is not None else None
        return session is not None and session.error is None

    @property
    def system(self) -> System:
        """The machine that is examined, as far as the files of clients depend on it."""
        return this_system(self.subject.context.environ)

    async def _read_client_files(self) -> ClientFiles:
        names = (NAME, NAME.replace("-", "_"), self.bridge.profile.url.host)
        return await read_client_files(self.system, names)

    async def _sort_entries(self) -> ClientEntries:
        files = await self.client_files()
        return sort_entries(files.entries, self.bridge, self.subject.context)

    async def _survey(self) -> Answers:
        return await survey(self.bridge, await self.credential())
