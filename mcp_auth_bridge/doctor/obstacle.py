"""A discovery that ended with an error, and parts of the search for its cause."""

from collections.abc import Iterable

import msgspec

from mcp_auth_bridge.doctor.archive import Fetched
from mcp_auth_bridge.doctor.documents import Documents, Issuer, Published
from mcp_auth_bridge.doctor.finding import Sign, sign
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import BridgeError, quoted
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.metadata import covers
from mcp_auth_bridge.oauth.trust import Trust


class Obstacle(msgspec.Struct, frozen=True):
    """A discovery that ended with an error."""

    documents: Documents
    error: BridgeError
    trust: Trust
    # The resource identifier that is configured, "" for the URL of the MCP server.
    resource: str = ""
    # The challenge of the MCP server, None if it sent none.
    challenge: Challenge | None = None

    @property
    def usable(self) -> list[Published]:
        """The metadata of this MCP server, without those of other resources."""
        return [found for found in self.documents.resources if self.is_of_this_server(found)]

    def is_of_this_server(self, found: Published) -> bool:
        """Whether the metadata are of this MCP server (RFC 9728 section 3.3)."""
        named = str(found.members.get("resource") or "")
        return named in ("", self.resource) or (not self.resource and covers(named, self.trust.server))

    @property
    def issuer(self) -> Issuer | None:
        """The authorization server that the login would use, None if none is named."""
        return next(iter(self.documents.issuers), None)

    @property
    def asked(self) -> tuple[str, Published | None]:
        """The issuer that was asked for, and the first metadata at its addresses."""
        if self.issuer is not None:
            return self.issuer.name, self.issuer.metadata
        return self.trust.server.origin, self.documents.own


def wall(symptom: Symptom, answers: Iterable[Fetched]) -> Sign | None:
    """The sign of `symptom` if a firewall gave one of the `answers`."""
    walled = next((answer for answer in answers if answer.is_walled), None)
    return sign(symptom, place=walled.place, host=walled.url.origin) if walled is not None else None


def problem_of(found: Published, shape: type[object]) -> str:
    """What is wrong with the members that the bridge reads, quoted; "" if nothing is."""
    try:
        msgspec.convert(found.members, shape)
    except msgspec.ValidationError as error:
        return quoted(str(error))
    return ""
