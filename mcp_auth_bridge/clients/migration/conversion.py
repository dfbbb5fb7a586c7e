"""A rival's entry → the table of a server in `config.toml`, or the reasons why not.

No secret is in the table: a value that the entry has as it stands is named by `keyring:NAME`, and comes beside it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from mcp_auth_bridge.clients.migration.rival import Effect, Flag, Kind, Rival
from mcp_auth_bridge.secret import Secret

_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_]\w*)\}")
_ASKED = re.compile(r"\$\{(input|command|config):")
_BEARER = re.compile(r"bearer +(\S.*)", re.IGNORECASE)
_REFERENCE = re.compile(r"(env|file|command|keyring|literal):|.*\$\{", re.DOTALL)
_NAMES = re.compile(r"key|token|secret|passw|credential|auth|cookie|session|jwt|signature", re.IGNORECASE)
_LONG = re.compile(r"(?=.*\d)(?=.*[a-z])[a-z0-9+/=_.~-]{20,}", re.IGNORECASE)
_OWN_HEADERS = ("accept", "content-type", "mcp-protocol-version", "mcp-session-id", "user-agent", "connection")
_LOOPBACK = re.compile(r"https?://(localhost|127\.\d+\.\d+\.\d+|\[::1\])([:/]|\Z)")
_MACHINE = ("client_id", "client_secret", "issuer", "token_endpoint", "scopes", "resource")


class Conversion(msgspec.Struct, frozen=True):
    """What becomes of an entry."""

    # The table of the server. Any: TOML.
    table: Mapping[str, Any]
    # The secrets that it names, by their names in the keyring.
    secrets: Mapping[str, Secret]
    # All headers that the rival sends.
    headers: Mapping[str, Secret]
    # What is left out, as sentences.
    left_out: tuple[str, ...]
    # Why it cannot be converted, as sentences; () if it can.
    refusals: tuple[str, ...]


class _Draft:
    """The conversion while the flags are read."""

    def __init__(self, name: str, env: Mapping[str, Secret], read: Callable[[str], str]) -> None:
        self.name = name
        self.env = {key: value.reveal() for key, value in env.items()}
        self.read = read
        # The values by their paths. Any: TOML.
        self.values: dict[tuple[str, ...], Any] = {}
        self.headers: dict[str, str] = {}
        self.secrets: dict[str, Secret] = {}
        self.left_out: list[str] = []
        self.refusals: list[str] = []

    def text(self, word: str) -> str:
        """`word` with the entry's own variables put in; those of the user's shell stay, as this bridge writes them."""
        if _ASKED.search(word):
            self.refusals.append("a value is asked of the user by the client, and this bridge cannot do that")
        return _VARIABLE.sub(lambda found: self.env.get(found[1], f"${{{found[1]}}}"), word)

    def kept(self, key: str, value: str) -> str:
        """`value` itself if it is not secret, else the reference to it in the keyring."""
        alone = _VARIABLE.fullmatch(value)
        if alone is not None:
            return f"env:{alone[1]}"
        if _REFERENCE.match(value):
            return value
        entry = re.sub(r"[^a-z0-9]+", "-", f"{self.name}-{key}".lower()).strip("-")
        self.secrets[entry] = Secret(value)
        return f"keyring:{entry}"


def convert(
    rival: Rival, name: str, arguments: Sequence[str], env: Mapping[str, Secret], read: Callable[[str], str]
) -> Conversion:
    """The entry `name` of `rival` with these `arguments` and variables. `read` returns the content of a file."""
    draft = _Draft(name, env, read)
    places = list(_apply(rival, arguments, draft))
    if places and ("url",) not in draft.values:
        draft.values["url",] = draft.text(places.pop(0))
    if places and rival.takes_port and places[0].isdecimal():
        draft.values["auth", "callback_port"] = int(places.pop(0))
    for variable in rival.token_variables:
        if token := draft.env.get(variable):
            draft.headers.setdefault("Authorization", f"Bearer {token}")
    if not re.match("https?://", draft.values.get(("url",), "")):
        draft.refusals.append("it names no URL of a server")
    _apply_variables(rival, arguments, draft)
    _settle_transport(rival, draft)
    draft.left_out += [f"{word!r} is not an argument that {rival.name} takes" for word in places]
    headers = {name: Secret(value) for name, value in draft.headers.items()}
    _add_credentials(draft)
    _check_machine(draft)
    return Conversion(
        _table(draft), draft.secrets, headers, tuple(draft.left_out), tuple(dict.fromkeys(draft.refusals))
    )


def _apply(rival: Rival, arguments: Sequence[str], draft: _Draft) -> Iterator[str]:
    """Apply the flags among `arguments` to `draft`, and yield the other words."""
    words = list(arguments)
    while words:
        option, equals, inline = words.pop(0).partition("=")
        flag = rival.flags.get(option)
        if flag is None:
            if option.startswith("-"):
                draft.refusals.append(f"{option} is a flag of {rival.name} that this bridge does not know")
            else:
                yield option + equals + inline
            continue
        given = [inline] if equals else words[: flag.words]
        if not equals:
            del words[: flag.words]
        if len(given) < flag.words:
            draft.refusals.append(f"{option} has no value")
        else:
            _apply_flag(option, flag, given, draft)


def _apply_flag(option: str, flag: Flag, given: Sequence[str], draft: _Draft) -> None:
    match flag.effect:
        case Effect.NOTHING:
            draft.left_out.append(f"{option} {flag.because}")
        case Effect.REFUSAL:
            draft.refusals.append(f"{option} {flag.because}")
        case Effect.HEADER | Effect.HEADER_PAIR | Effect.BEARER:
            _apply_header(option, flag.effect, [draft.text(word) for word in given], draft)
        case Effect.URL:
            draft.values["url",] = draft.text(given[0])
        case Effect.PARAMETER:
            name, _, value = draft.text(given[0]).partition("=")
            draft.values.setdefault(("auth", "authorize_params"), {})[name] = value
        case Effect.CLIENT | Effect.CLIENT_METADATA:
            _apply_json(option, flag.effect, given[0], draft)
        case Effect.SETTING:
            _apply_setting(option, flag, given, draft)


def _apply_header(option: str, effect: Effect, given: Sequence[str], draft: _Draft) -> None:
    match effect:
        case Effect.BEARER:
            name, value = "Authorization", f"Bearer {given[0]}"
        case Effect.HEADER_PAIR:
            name, value = given
        case _:
            name, colon, value = given[0].partition(":")
            if not colon:
                draft.refusals.append(f"{option} has no colon")
                return
    if name.strip().lower() in _OWN_HEADERS:
        draft.left_out.append(f"the header {name.strip()} is the bridge's own")
    else:
        draft.headers[name.strip()] = value.strip()


def _apply_setting(option: str, flag: Flag, given: Sequence[str], draft: _Draft) -> None:
    value = flag.value if flag.words == 0 else draft.text(given[0])
    if flag.place == ("network", "ca_file") and str(value).lower() in ("true", "false"):
        if value.lower() == "false":
            draft.refusals.append(f"{option} switches the check of certificates off, and this bridge always checks")
        return
    if flag.place == ("auth", "callback_host") and value not in ("127.0.0.1", "localhost"):
        draft.refusals.append(f"{option} {value} is not an address on this machine")
    if flag.place[-1] == "client_secret":
        value = draft.kept("client_secret", value)
    if flag.kind is Kind.WORDS:
        value = re.split(r"[ ,]+", value)
    elif flag.kind is Kind.NUMBER:
        if not re.fullmatch(r"\d+(\.\d+)?", value):
            draft.refusals.append(f"{option} is not a number of seconds or bytes")
            return
        if float(value) == 0:  # no limit
            return
        value = int(value) if flag.place[-1] == "largest_message" else float(value)
    draft.values[flag.place] = value


def _apply_json(option: str, effect: Effect, word: str, draft: _Draft) -> None:
    """Apply a registration, or metadata for one."""
    try:
        given = json.loads(draft.read(word[1:]) if word.startswith("@") else draft.text(word))
        told: dict[str, Any] = {**given}
    except (ValueError, OSError, TypeError):
        draft.refusals.append(f"{option} cannot be read as a JSON object")
        return
    if effect is Effect.CLIENT:
        draft.values["auth", "client_id"] = str(told.get("client_id", ""))
        if secret := told.get("client_secret"):
            draft.values["auth", "client_secret"] = draft.kept("client_secret", str(secret))
        return
    if scope := told.get("scope"):
        draft.values["auth", "scopes"] = str(scope).split()
    if client_name := told.get("client_name"):
        draft.values["auth", "client_name"] = str(client_name)
    others = sorted(told.keys() - {"scope", "client_name"})
    draft.left_out += [f"{other} in {option} is the bridge's own choice" for other in others]


def _apply_variables(rival: Rival, arguments: Sequence[str], draft: _Draft) -> None:
    """Take over the entry's own variables, apart from those that its arguments name."""
    named = {found[1] for word in arguments for found in _VARIABLE.finditer(word)}
    for name, value in draft.env.items():
        match name.upper():
            case "HTTPS_PROXY" | "HTTP_PROXY":
                draft.values["network", "proxy"] = value
            case "NODE_EXTRA_CA_CERTS" | "SSL_CERT_FILE":
                draft.values["network", "ca_file"] = value
            case "NODE_TLS_REJECT_UNAUTHORIZED" if value == "0":
                draft.refusals.append(f"{name} switches the check of certificates off, and this bridge always checks")
            case _ if name not in named and name not in rival.token_variables:
                draft.left_out.append(f"the variable {name} is not taken over")


def _settle_transport(rival: Rival, draft: _Draft) -> None:
    """Plain http is allowed where the rival allows it, and only where it is needed."""
    url = draft.values.get(("url",), "")
    plain = url.startswith("http://") and not _LOOPBACK.match(url)
    allowed = draft.values.pop(("allow_http",), False) or "--allow-http" not in rival.flags
    if plain and allowed:
        draft.values["allow_http",] = True


def _add_credentials(draft: _Draft) -> None:
    """Put the headers into `draft`: credentials into `auth`, the others into `headers`."""
    name = next((name for name in draft.headers if name.lower() == "authorization"), None)
    if name is not None:
        for place in [place for place in draft.values if place[0] == "auth"]:
            del draft.values[place]
            draft.left_out.append(f"{place[1]} is not needed: the credentials are in a header")
        value = draft.headers.pop(name)
        bearer = _BEARER.fullmatch(value)
        if bearer:
            draft.values["auth", "kind"] = "bearer"
            draft.values["auth", "token"] = draft.kept("token", bearer[1])
        else:
            draft.values["auth", "kind"] = "headers"
            draft.values["auth", "headers"] = {name: draft.kept("authorization", value)}
    if draft.headers:
        draft.values["headers",] = {
            name: draft.kept(name, value) if _NAMES.search(name) or _LONG.fullmatch(value) else value
            for name, value in draft.headers.items()
        }


def _check_machine(draft: _Draft) -> None:
    """A client of one's own is sent only to the issuer that knows it, and rivals do not say which one that is."""
    if ("auth", "client_id") not in draft.values:
        return
    if ("auth", "token_endpoint") in draft.values and ("auth", "kind") not in draft.values:
        draft.values["auth", "kind"] = "client_credentials"
    if draft.values.get(("auth", "kind")) == "client_credentials":
        for place in [place for place in draft.values if place[0] == "auth" and place[1] not in (*_MACHINE, "kind")]:
            del draft.values[place]
    else:  # the redirect URI that was registered for mcp-remote
        for key, value in (("callback_host", "localhost"), ("callback_path", "/oauth/callback")):
            if ("auth", "callback_port") in draft.values:
                draft.values.setdefault(("auth", key), value)
    if ("auth", "issuer") not in draft.values:
        draft.refusals.append(
            "it has a client of its own, and does not say at which authorization server; add the lines below to"
            " config.toml, with that server's URL as issuer"
        )
        draft.values["auth", "issuer"] = "https://…"


def _table(draft: _Draft) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for place, value in draft.values.items():
        inner = table
        for key in place[:-1]:
            inner = inner.setdefault(key, {})
        inner[place[-1]] = value
    return table
