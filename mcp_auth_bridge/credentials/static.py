"""Credentials that somebody else keeps: nothing at all, or a token from a secret reference."""

from collections.abc import Mapping

from mcp_auth_bridge.config import header_value
from mcp_auth_bridge.credentials.base import Refusal, Target
from mcp_auth_bridge.errors import AccessDenied, ConfigError, LoginRequired, reason
from mcp_auth_bridge.secret import Env, File, Literal, SecretRef


class AnonymousCredentials:
    """No Authorization header. A server that wants one is told apart from one that is closed to everybody."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:  # noqa: ARG002 - the Protocol's
        if refused is not None:
            raise LoginRequired(
                f"{self._name} wants credentials, but its configuration says that there are none",
                'remove auth = { kind = "none" } and run: mcp-auth-bridge login',
            )
        return {}


class BearerCredentials:
    """A token from a reference that is read again for each request and after a refusal, because others rotate it."""

    def __init__(self, name: str, token: SecretRef, environment: Mapping[str, str]) -> None:
        self._name = name
        self._token = token
        self._environment = environment

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:  # noqa: ARG002 - the Protocol's
        token = resolve(self._token, self._environment, f"the token of {self._name}")
        headers = {"authorization": f"Bearer {token}"}
        if refused is not None and refused.sent == headers:
            raise AccessDenied(
                f"{self._name} refused the configured token (HTTP {refused.status})",
                f"replace it: {describe(self._token)}",
            )
        return headers


def resolve(reference: SecretRef, environment: Mapping[str, str], what: str) -> str:
    """The value that `reference` names, fit for a header. Raises `ConfigError`; the value is never in a message."""
    match reference:
        case Literal(value=value):
            return value
        case Env(name=name):
            if not environment.get(name):
                raise ConfigError(
                    f"{what} is to come from the environment variable {name}, which is not set",
                    "set it where mcp-auth-bridge is started, for example in the IDE's entry, or write file:PATH",
                )
            return header_value(environment[name], what)
        case File(path=path):
            return header_value(_contents(path, what), what)


def describe(reference: SecretRef) -> str:
    """Where a value comes from, for a hint."""
    match reference:
        case Literal():
            return "the value in the configuration"
        case Env(name=name):
            return f"the environment variable {name}"
        case File(path=path):
            return f"the file {path}"


def _contents(path: str, what: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib would cost the cold start its import
            return file.read().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else "it is not text in UTF-8"
        hint = "correct file:PATH, or the file's owner and mode"
        raise ConfigError(f"{what} is to come from {path}, which cannot be read: {why}", hint) from None
