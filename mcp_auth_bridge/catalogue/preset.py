"""A well-known remote server: the settings that `add NAME` writes for it, and the page that documents them."""

import enum
from collections.abc import Mapping

import msgspec

from mcp_auth_bridge.catalogue.remote_server import HeaderTemplate, RemoteServer, Variable


class Access(enum.Enum):
    """The credentials that a server wants of its user."""

    OPEN = "no login and no key"
    LOGIN = "a login in the browser"
    KEY = "a key"
    OWN_CLIENT = "a login with a client that you register yourself"


class Preset(msgspec.Struct, frozen=True):
    """One well-known server."""

    # Its endpoint; `remote.name` is the name that `add` takes.
    remote: RemoteServer
    # The credentials that it wants.
    access: Access
    # The page or repository that names the URL and the way to authenticate.
    source: str
    # The date of that page or revision, or of the day on which it was read: YYYY-MM-DD.
    date: str
    # A sentence that the user has to know, "" for none.
    note: str = ""
    # The reference of each secret variable, if the user gives none.
    references: Mapping[str, str] = {}
    # The `auth` table that a login needs, {} for none.
    auth: Mapping[str, str] = {}

    @property
    def name(self) -> str:
        return self.remote.name


def preset(
    remote: RemoteServer,
    access: Access,
    origin: tuple[str, str],
    note: str = "",
    auth: Mapping[str, str] | None = None,
) -> Preset:
    """A preset of `remote`. `origin` is its source and date."""
    return Preset(remote, access, *origin, note, auth=auth or {})


def with_key(remote: RemoteServer, variable: str, origin: tuple[str, str], note: str = "") -> Preset:
    """A preset with a key in `Authorization: Bearer`, which by default is in the environment `variable`."""
    key = Variable("key", f"the API key of {remote.title}", is_secret=True)
    header = HeaderTemplate("Authorization", "Bearer {key}", (key,))
    keyed = msgspec.structs.replace(remote, headers=(header,))
    return Preset(keyed, Access.KEY, *origin, note, references={"key": f"env:{variable}"})
