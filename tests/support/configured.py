"""Short configurations, their profiles and their errors."""

from pathlib import Path

from mcp_auth_bridge.config.config_file import parse
from mcp_auth_bridge.config.profile import Profile, ServerChoice
from mcp_auth_bridge.errors import ConfigError

PATH = Path("/etc/bridge.toml")
IDP = '{ issuer = "https://idp", client_id = "c", client_secret = "SECRET" }'
GOOD = '[servers.good]\nurl = "https://good.example/mcp"\n'


def server(lines: str = "") -> str:
    """A configuration with one server, `acme`, and `lines` in its table."""
    return f'[servers.acme]\nurl = "https://mcp.acme.example/mcp"\n{lines}\n'


def with_auth(table: str) -> str:
    """A configuration with one server and the content of its `auth` table."""
    return server(f"auth = {{ {table} }}")


def profile(text: str, target: str = "acme") -> Profile:
    return parse(text, PATH).profile(target)


def with_argument(auth: str, target: str = "acme", text: str | None = None) -> Profile:
    """The profile of `target` with `auth` as the argument of `--auth`."""
    return parse(server() if text is None else text, PATH).choose(ServerChoice(target, auth=auth))


def mistake(text: str) -> ConfigError:
    """The error in the file, or in the one server in it."""
    try:
        (broken,) = parse(text, PATH).broken.values()
    except ConfigError as error:
        return error
    return broken.error


def refused(text: str) -> str:
    """The message of the error in the file; it has a hint."""
    error = mistake(text)
    assert error.hint
    return error.message
