"""The subject of an examination: one server with its settings, or only this machine."""

import enum
from collections.abc import Mapping

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.errors import BridgeError


class Depth(enum.Enum):
    """How far an examination goes."""

    LOOK = "look"
    """It only looks: nothing is created at any server."""

    REGISTER = "register"
    """It also registers a client and asks for a machine's token, as a login would."""


class Subject(msgspec.Struct, frozen=True):
    """What is examined."""

    # The folders, the configuration and the environment.
    context: Context
    # The server that the command line names, None if it names none or one without usable settings.
    bridge: Bridge | None = None
    # Why a server that the command line names has no usable settings; None if it has, or none is named.
    server_error: BridgeError | None = None
    # How far the examination goes.
    depth: Depth = Depth.LOOK

    @property
    def facts(self) -> Mapping[str, str]:
        """The facts that each rule of the verdict may quote."""
        if self.bridge is None:
            return {"doctor": "mcp-auth-bridge doctor"}
        url = self.bridge.profile.url
        return {
            "server": self.bridge.profile.name,
            "url": url.resource,
            "origin": url.origin,
            "login": self.bridge.login_command,
            "doctor": self.bridge.doctor_command,
        }
