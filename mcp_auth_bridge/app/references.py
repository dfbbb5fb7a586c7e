"""The references to secrets in the settings of a server."""

from collections.abc import Iterator
from typing import Any

import msgspec

from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.secret import SecretRef, parse_reference


def references_of(profile: Profile) -> Iterator[SecretRef]:
    """The values of the headers and of the `auth` table of `profile`, as references."""
    yield from profile.headers.values()
    for text in _texts(msgspec.to_builtins(profile.auth, enc_hook=str)):
        try:
            yield parse_reference(text, "the configuration")
        except ConfigError:
            continue  # a text that looks like a reference and is not one


def _texts(value: Any) -> Iterator[str]:
    """All texts in `value`. Any: JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
