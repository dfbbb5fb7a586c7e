"""The rules for metadata documents, as data: which member deviates from which specification, and what that costs.

A deviation says what the bridge does about it. Where its operator can mend it, the rule has the member to publish.
"""

import enum
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from mcp_auth_bridge.errors import UrlRefused, printable, quoted
from mcp_auth_bridge.urls import Purpose, Url, gate


class View(msgspec.Struct, frozen=True):
    """A document, and what it is compared with."""

    # The members, as the server sent them. Any: JSON.
    members: Mapping[str, Any]
    # Where it was found.
    url: Url
    # Its media type, in lower case.
    kind: str
    # The MCP server.
    server: Url
    # The resource identifier that is configured, "" for the URL of the MCP server.
    resource: str = ""
    # The issuer that was asked for, "" for a protected resource's metadata.
    issuer: str = ""

    def strings(self, name: str) -> list[str] | None:
        """The member `name` as a list of strings, None if it is not one."""
        value = self.members.get(name)
        return value if isinstance(value, list) and all(isinstance(each, str) for each in value) else None

    def string(self, name: str) -> str:
        """The member `name` if it is a string, else ""."""
        value = self.members.get(name)
        return value if isinstance(value, str) else ""


class Weight(enum.Enum):
    """What a deviation means for a login."""

    STOPS = "stops"
    """Without a setting of the user, the bridge cannot use the document."""

    COPES = "copes"
    """The bridge copes with it; other clients may not."""

    TELLS = "tells"
    """It is not a deviation, but worth knowing."""


class MetadataRule(msgspec.Struct, frozen=True):
    """One rule of a specification."""

    # The specification that the document deviates from.
    source: str
    # The deviation in words, "" if there is none.
    find: Callable[[View], str]
    weight: Weight
    # What the bridge does about it, after "the bridge".
    bridge: str
    # The member to publish, with `{url}` for the MCP server's URL and `{issuer}` for the issuer; "" for none.
    publish: str = ""


class Deviation(msgspec.Struct, frozen=True):
    """A deviation that was found."""

    says: str
    rule: MetadataRule
    # The member to publish, "" for none.
    publish: str = ""

    def __str__(self) -> str:
        text = f"{self.says} ({self.rule.source}); the bridge {self.rule.bridge}"
        return f"{text}; to publish: {self.publish}" if self.publish else text


def check(rules: tuple[MetadataRule, ...], view: View) -> list[Deviation]:
    """The deviations of the document in `view`, in the order of `rules`."""
    facts = {"url": view.server.resource, "issuer": printable(view.issuer)}
    found = ((rule, rule.find(view)) for rule in rules)
    return [Deviation(says, rule, rule.publish.format_map(facts)) for rule, says in found if says]


def foreign_kind(view: View) -> str:
    """A media type that is not JSON."""
    return "" if view.kind == "application/json" else f"its media type is {quoted(view.kind or 'not given', 60)}"


def unlike(shape: type[object]) -> Callable[[View], str]:
    """Members that the bridge needs, and that are missing or not of the type in `shape`."""

    def find(view: View) -> str:
        try:
            msgspec.convert(view.members, shape)
        except msgspec.ValidationError as error:
            return f"it is not as specified: {quoted(str(error))}"
        return ""

    return find


def is_acceptable(text: str, purpose: Purpose) -> bool:
    """Whether the bridge would use the URL `text`: it is https, or http on this machine."""
    try:
        gate(text, purpose)
    except UrlRefused:
        return False
    return True


def shown(value: Any) -> str:  # Any: JSON
    """A member's `value` as it was sent."""
    return quoted(msgspec.json.encode(value).decode())
