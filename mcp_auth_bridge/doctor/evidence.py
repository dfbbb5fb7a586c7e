"""The evidence that checks share: each piece is gathered once, by the first check that asks for it."""

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.clients.client import System
from mcp_auth_bridge.clients.entry_programs import NAME
from mcp_auth_bridge.doctor.answers import Answers, survey
from mcp_auth_bridge.doctor.client_entries import ClientEntries, sort_entries
from mcp_auth_bridge.doctor.client_files import ClientFiles, read_client_files, this_system
from mcp_auth_bridge.doctor.held_credential import hold
from mcp_auth_bridge.doctor.once import Once
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.way import go


class Evidence:
    """Everything about one subject that more than one check looks at. Nothing here raises a `BridgeError`."""

    def __init__(self, subject: Subject) -> None:
        # What is examined.
        self.subject = subject
        # The credential of the bridge to the server.
        self.credential = Once(lambda: hold(self.bridge))
        # The answers of the MCP server (`answers.py`).
        self.answers = Once(self._survey)
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
