"""All presets, by name and by words."""

from collections.abc import Mapping, Sequence

from mcp_auth_bridge.catalogue.developer_presets import DEVELOPER_PRESETS
from mcp_auth_bridge.catalogue.office_presets import OFFICE_PRESETS
from mcp_auth_bridge.catalogue.preset import Access, Preset
from mcp_auth_bridge.config.suggestion import nearest
from mcp_auth_bridge.errors import ConfigError, quoted

PRESETS: Mapping[str, Preset] = {
    each.name: each for each in sorted((*DEVELOPER_PRESETS, *OFFICE_PRESETS), key=lambda each: each.name)
}
"""Every preset by its name, in alphabetical order."""


def find_preset(name: str) -> Preset:
    """The preset `name`. Raises `ConfigError`."""
    known = PRESETS.get(name.lower())
    if known is None:
        meant = nearest(name, PRESETS)
        hint = f"did you mean {meant}?" if meant else "list them: mcp-auth-bridge add --search ''"
        raise ConfigError(f"there is no preset named {quoted(name)}", f"{hint}; any other server: add NAME URL")
    return known


def search_presets(words: str) -> Sequence[Preset]:
    """The presets whose name, title or URL has all of `words`, in any case; all presets if there are none."""
    parts = words.lower().split()
    return [
        each
        for each in PRESETS.values()
        if all(part in f"{each.name} {each.remote.title} {each.remote.url}".lower() for part in parts)
    ]


def is_known_as_open(url: str) -> bool:
    """Whether a preset says that the server at `url` wants no login and no key."""
    return any(each.remote.url == url and each.access is Access.OPEN for each in PRESETS.values())
