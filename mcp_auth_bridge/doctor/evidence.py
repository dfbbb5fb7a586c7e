"""The evidence that checks share: each piece is gathered once, by the first check that asks for it."""

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.doctor.answers import Answers, survey
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

    @property
    def bridge(self) -> Bridge:
        """The bridge to the server: checks of the sections after `HERE` run only if there is one."""
        bridge = self.subject.bridge
        if bridge is None:
            raise AssertionError
        return bridge

    async def _survey(self) -> Answers:
        return await survey(self.bridge, await self.credential())
