"""Another bridge's command line, as data: what each flag means for this one."""

import enum
from collections.abc import Mapping
from typing import Any

import msgspec


class Effect(enum.Enum):
    """What a flag becomes."""

    NOTHING = "nothing"
    """Nothing: this bridge does it anyway, or has no need of it."""

    REFUSAL = "refusal"
    """This bridge has no such thing, and without it the server would be used in another way."""

    SETTING = "setting"
    """The key of a server's table."""

    HEADER = "header"
    """A header, `Name: value`."""

    HEADER_PAIR = "header pair"
    """A header in two words."""

    BEARER = "bearer"
    """A token for `Authorization: Bearer`."""

    PARAMETER = "parameter"
    """`NAME=VALUE` of the authorization request."""

    CLIENT = "client"
    """A JSON object with the client's registration (RFC 7591 section 3.2.1), or `@FILE`."""

    CLIENT_METADATA = "client metadata"
    """A JSON object with metadata for the registration (RFC 7591 section 2), or `@FILE`."""

    URL = "url"
    """The URL of the server."""


class Kind(enum.Enum):
    """How the text of a flag becomes the value of a setting."""

    TEXT = "text"
    NUMBER = "number"
    WORDS = "words"


class Flag(msgspec.Struct, frozen=True):
    """One flag of a rival."""

    # What it becomes.
    effect: Effect
    # The path of the key that it sets.
    place: tuple[str, ...] = ()
    # The value that it sets, None for the words after it. Any: TOML.
    value: Any = None
    # What becomes of its words.
    kind: Kind = Kind.TEXT
    # How many words belong to it.
    words: int = 1
    # Why it is left out, or refused: the end of a sentence that begins with the flag.
    because: str = ""


class Rival(msgspec.Struct, frozen=True):
    """Another bridge."""

    # The name of its program.
    name: str
    # Its flags.
    flags: Mapping[str, Flag]
    # Whether its second word is the port of the callback.
    takes_port: bool = False
    # The names of variables with a bearer token.
    token_variables: tuple[str, ...] = ()
    # Where its flags are from, and the day.
    source: str = ""


def setting(*place: str, kind: Kind = Kind.TEXT) -> Flag:
    """A flag whose word is the value of the key at `place`."""
    return Flag(Effect.SETTING, place, kind=kind)


def switch(*place: str, value: Any = True) -> Flag:
    """A flag without a word, which sets the key at `place` to `value` (any: TOML)."""
    return Flag(Effect.SETTING, place, value, words=0)


def needless(because: str, words: int = 0) -> Flag:
    """A flag with so many words that nothing is lost without."""
    return Flag(Effect.NOTHING, words=words, because=because)


def impossible(because: str, words: int = 0) -> Flag:
    """A flag with so many words that this bridge has nothing for."""
    return Flag(Effect.REFUSAL, words=words, because=because)
