"""Redaction: hosts, people, paths and secrets in texts → labels, the same label for the same name wherever it appears.

A label is made of the name with a secret key (HMAC), so that it says nothing about the name, and two reports of one
machine use the same label. Names are found in two ways: the caller knows some, and others have the form of a URL, an
address, a host name, a path or a token. Whatever looks like one is replaced: a public report that says too little is
better than one that says too much.
"""

import enum
import hmac
import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from urllib.parse import unquote

import msgspec

from mcp_auth_bridge.doctor.name_forms import encoded_forms, spelled_forms
from mcp_auth_bridge.doctor.name_patterns import (
    ADDRESS,
    ASSIGNED,
    AUTHORITY,
    DOTTED,
    EMAIL,
    HOME,
    JWT,
    LONG,
    PATH,
    PEM,
    SCHEME_TOKEN,
    TAIL,
    URL,
    URN,
    UUID,
)
from mcp_auth_bridge.doctor.plain_words import is_plain_dotted, is_plain_label, is_plain_part

_SHORTEST = 3  # characters of a name that is looked for
_ANYWHERE = 4  # characters from which on a name is looked for in the middle of words, too


class Kind(enum.Enum):
    """The kind of a name: the first word of its label."""

    SECRET = "secret"
    HOST = "host"
    USER = "user"
    CLIENT = "client"
    ORGANISATION = "organisation"
    SERVER = "server"
    PATH = "path"
    NAME = "name"
    PRIVATE_ADDRESS = "private-ip"
    PUBLIC_ADDRESS = "public-ip"


_MAY_BE_PLAIN = (Kind.HOST, Kind.USER, Kind.SERVER, Kind.NAME)


class PrivateName(msgspec.Struct, frozen=True):
    """A name that the caller knows, and its kind."""

    kind: Kind
    value: str


class _Piece(msgspec.Struct, frozen=True):
    """A part of a text: `text` as it came, or a finished part, which no later rule changes."""

    text: str
    finished: bool = False


class Redaction:
    """The redaction of one report. `texts` are all of its texts, in which it looks for the names of hosts."""

    def __init__(self, key: bytes, known: Iterable[PrivateName], texts: Iterable[str]) -> None:
        self._key = key
        names = [name for name in known if _is_private(name)]
        found = [PrivateName(Kind.HOST, host) for text in texts for host in _hosts_in(text)]
        words = (word for name in (*names, *found) if name.kind is Kind.HOST for word in _words_of(name.value))
        derived = [PrivateName(Kind.NAME, word) for word in words]
        self._finders = list(_finders([*names, *found, *derived]))

    def apply(self, text: str) -> str:
        """`text` with labels in place of names."""
        # First, because a secret may hold a slash. Its label stays open, so that a URL around it is still one.
        for pattern, name in self._of_kinds(Kind.SECRET):
            text = pattern.sub(self._label(name.kind, name.value), text)
        pieces = [_Piece(text)]
        secret = self._labelling(Kind.SECRET)
        pieces = self._by_form(pieces, ((PEM, secret), (JWT, secret)))
        others = self._of_kinds(*({*Kind} - {Kind.SECRET, Kind.PATH}))
        pieces = self._by_form(pieces, ((URL, self._url), (EMAIL, self._labelling(Kind.USER))))
        pieces = self._by_name(pieces, self._of_kinds(Kind.PATH))
        pieces = self._by_form(pieces, ((HOME, self._labelling(Kind.PATH)), (TAIL, self._path), (PATH, self._path)))
        pieces = self._by_name(pieces, others)
        pieces = self._by_form(
            pieces,
            (
                (URN, self._labelling(Kind.NAME)),
                (ADDRESS, self._address),
                (SCHEME_TOKEN, lambda found: f"{found.partition(' ')[0]} {self._label(Kind.SECRET, found)}"),
                (ASSIGNED, lambda found: f"{found.partition('=')[0]}={self._label(Kind.SECRET, found)}"),
                (UUID, self._labelling(Kind.NAME)),
                (DOTTED, self._dotted),
                (LONG, secret),
            ),
        )
        return "".join(piece.text for piece in pieces)

    def _of_kinds(self, *kinds: Kind) -> "list[_Finder]":
        return [finder for finder in self._finders if finder[1].kind in kinds]

    def _label(self, kind: Kind, name: str) -> str:
        digest = hmac.new(self._key, f"{kind.value} {_canonical(name)}".encode("utf-8", "replace"), "sha256")
        return f"{kind.value}-{digest.hexdigest()[:6]}"

    def _labelling(self, kind: Kind, name: str = "") -> "_Replace":
        """Replaces what is found by its own label, or by that of `name`."""
        return lambda found: self._label(kind, name or found)

    def _by_name(self, pieces: "list[_Piece]", finders: "Iterable[_Finder]") -> "list[_Piece]":
        """The `pieces` with the label of each name that the `finders` find."""
        for pattern, name in finders:
            pieces = _replace(pieces, pattern, self._labelling(name.kind, name.value))
        return pieces

    def _by_form(self, pieces: "list[_Piece]", rules: "Iterable[tuple[re.Pattern[str], _Replace]]") -> "list[_Piece]":
        """The `pieces` with each match of a pattern replaced; a match that is to stay as it is stays open."""
        for pattern, replace in rules:
            pieces = _replace(pieces, pattern, replace)
        return pieces

    def _url(self, found: str) -> str:
        """A URL keeps its scheme, its port and the plain parts of its path. It may be percent-encoded as a whole."""
        whole, ending = _without_ending(found)
        text = (unquote(whole) if "://" not in whole.replace("\\/", "/") else whole).replace("\\/", "/")
        scheme, _, rest = text.partition("://")
        authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
        path, mark, query = rest[len(authority) :].partition("?")
        parts = AUTHORITY.fullmatch(authority)
        user, host, port = parts.groups() if parts else (None, authority, None)
        shown = f"{self._label(Kind.SECRET, user)}@" if user else ""
        tail = f"?{self._label(Kind.NAME, query)}" if mark and query else mark
        return f"{scheme}://{shown}{self._host(host)}{port or ''}{self._path(path)}{tail}{ending}"

    def _host(self, host: str) -> str:
        bare = unquote(host).strip("[]").rstrip(".")
        if _is_address(bare):
            return self._address(bare)
        return host if not bare or bare.lower() == "localhost" else self._label(Kind.HOST, bare)

    def _address(self, found: str) -> str:
        text, ending = _without_ending(found)
        if not _is_address(text):
            return found
        address = ip_address(text)
        if address.is_loopback or address.is_unspecified:
            return found
        return self._label(Kind.PRIVATE_ADDRESS if address.is_private else Kind.PUBLIC_ADDRESS, text) + ending

    def _path(self, found: str) -> str:
        """A path keeps its plain parts."""
        text, ending = _without_ending(found)
        parts = re.split(r"([/\\#]+)", text)
        return "".join(self._part(part) for part in parts) + ending

    def _part(self, part: str) -> str:
        plain = not part or part[0] in "/\\#" or part in ("~", ".", "..") or is_plain_part(part)
        return part if plain else self._label(Kind.NAME, part)

    def _dotted(self, found: str) -> str:
        return found if is_plain_dotted(found.rstrip(".")) else self._label(Kind.HOST, found.rstrip("."))


_Replace = Callable[[str], str]
_Finder = tuple[re.Pattern[str], PrivateName]


def _replace(pieces: Iterable[_Piece], pattern: re.Pattern[str], replace: _Replace) -> list[_Piece]:
    return [new for piece in pieces for new in ([piece] if piece.finished else _split(piece, pattern, replace))]


def _split(piece: _Piece, pattern: re.Pattern[str], replace: _Replace) -> Iterator[_Piece]:
    at = 0
    for match in pattern.finditer(piece.text):
        if match[0] and (new := replace(match[0])) != match[0]:
            yield _Piece(piece.text[at : match.start()])
            yield _Piece(new, finished=True)
            at = match.end()
    yield _Piece(piece.text[at:])


def _canonical(name: str) -> str:
    """The spelling from which a label is made: a host has the same label in punycode, in capitals and with a dot."""
    try:
        return name.encode("ascii").decode("idna").casefold()
    except UnicodeError:
        return name.casefold()


def _is_private(name: PrivateName) -> bool:
    if len(name.value) < _SHORTEST or (name.kind in _MAY_BE_PLAIN and is_plain_label(name.value)):
        return False
    return not (name.kind is Kind.HOST and _is_address(name.value))


def _finders(names: Iterable[PrivateName]) -> Iterator[tuple[re.Pattern[str], PrivateName]]:
    """What finds each of `names` in all its spellings, the longest name first."""
    for name in sorted(dict.fromkeys(names), key=lambda name: -len(name.value)):
        around = ("", "") if len(name.value) >= _ANYWHERE else (r"(?<![^\W_])", r"(?![^\W_])")
        yield (
            re.compile(
                "|".join(f"{around[0]}(?:{form}){around[1]}" for form in spelled_forms(name.value)), re.IGNORECASE
            ),
            name,
        )
        if forms := encoded_forms(name.value):
            yield re.compile(rf"[\w+/=%-]*(?:{'|'.join(map(re.escape, forms))})[\w+/=%-]*"), name


def _hosts_in(text: str) -> Iterator[str]:
    """The names of hosts in `text`, by their form."""
    plain = unquote(text).replace("\\/", "/")
    for url in URL.findall(plain):
        authority = re.split(r"[/?#\\]", url.partition("://")[2], maxsplit=1)[0]
        yield from (host for host in [_without_port(authority)] if not _is_address(host) and not is_plain_label(host))
    for email in EMAIL.findall(plain):
        yield email.rpartition("@")[2]
    for dotted in DOTTED.findall(plain):
        if not is_plain_dotted(dotted.rstrip(".")):
            yield dotted.rstrip(".")


def _without_port(authority: str) -> str:
    parts = AUTHORITY.fullmatch(authority)
    return parts[2].strip("[]").rstrip(".") if parts else authority


def _words_of(host: str) -> Iterator[str]:
    """The words in the name of a host that may name its owner."""
    for label in host.split(".")[: -1 if "." in host else None]:
        for word in (label, *re.split(r"[-_]", label)):
            if len(word) >= _ANYWHERE and not is_plain_label(word):
                yield word


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _without_ending(found: str) -> tuple[str, str]:
    """A match without the punctuation of the sentence behind it, and that punctuation."""
    bare = found.rstrip(".,;:!?)}" if "[" in found else ".,;:!?)}]")
    return bare, found[len(bare) :]
