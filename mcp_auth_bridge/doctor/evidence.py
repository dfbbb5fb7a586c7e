"""The evidence that checks share: each piece is gathered once, by the first check that asks for it."""

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.doctor.held_credential import hold
from mcp_auth_bridge.doctor.once import Once
from mcp_auth_bridge.doctor.subject import Subject


class Evidence:
    """Everything about one subject that more than one check looks at. Nothing here raises a `BridgeError`."""

    def __init__(self, subject: Subject) -> None:
        # What is examined.
        self.subject = subject
        # The credential of the bridge to the server.
        self.credential = Once(lambda: hold(self.bridge))

    @property
    def bridge(self) -> Bridge:
        """The bridge to the server: checks of the sections after `HERE` run only if there is one."""
        bridge = self.subject.bridge
        if bridge is None:
            raise AssertionError
        return bridge
