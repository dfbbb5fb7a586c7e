"""Tables of the configuration → structs and URLs, or words that name the key and what was expected there."""

from typing import Any, TypeVar, get_args

import msgspec

from mcp_auth_bridge.errors import ConfigError, UrlRefused
from mcp_auth_bridge.urls import Purpose, Url, gate, shown

T = TypeVar("T")


def convert(value: Any, shape: type[T], source: str, where: str) -> T:
    """`value`, which is what TOML makes of the table `where` of `source`, as a `shape`. Raises `ConfigError`."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        expected, _, inner = str(error).partition(" - at `$")
        key = f"{where}{inner.rstrip('`')}".lstrip(".") or where
        expected = expected[:1].lower() + expected[1:]
        hint = _kinds(shape) if key.endswith("kind") or "`kind`" in expected else ""
        words = ": ".join(filter(None, (source, key, expected)))
        raise ConfigError(words, hint or "see config.example.toml") from None


def _kinds(shape: Any) -> str:
    """What may stand at `kind`, "" where that is not the question. Any: a union of structs, or one of them."""
    tags = [str(kind.__struct_config__.tag) for kind in get_args(shape)]
    return f"one of: {', '.join(tags)}" if tags else ""


def url(text: str, purpose: Purpose, where: str, hint: str = "write it as https://…") -> Url:
    """The URL that stands `where`. Raises `ConfigError` for one that the gate refuses."""
    try:
        return gate(text, purpose)
    except UrlRefused as refused:
        raise ConfigError(f"{where}: {shown(text)} is not acceptable: {refused.hint}", hint) from None
