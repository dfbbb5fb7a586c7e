"""Generates docs/clients.md: runs real clients through the bridge, in each state of its server or desktop.

    PYTHONPATH=tests/support:tests/e2e uv run python tests/support/client_table.py

A client has the bridge as its only MCP server. The model behind it calls one tool and repeats the result. A cell says
how that ends. `tests/e2e/test_real_clients.py` compares each cell with a run.
"""

import asyncio
import contextlib
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from installed import Bridge
from peer import INSPECTOR, install_node_modules, node
from peers.clients import CLIENTS, Client, Place, inspect
from peers.gateway import Gateway
from peers.model import Model
from starlette.requests import ClientDisconnect

TESTS = Path(__file__).parents[1]

DOCUMENT = TESTS.parent / "docs" / "clients.md"
DELAY = 10.0  # seconds for each response of a slow server
AT_ONCE = 8  # clients that run at the same time

RESULT = "the result"
AFTER_LOGIN = "one login, then the result"
NEXT_SESSION = "one login; the tools come with the next session"
TOLD = "is told that the server cannot be reached"
ADDRESS = "is told where to sign in"

HEAD = """\
# Real clients in front of the bridge

`tests/support/client_table.py` generates this page: it runs each client without a user, with the bridge as its only MCP
server and a made-up model that calls one tool and repeats what the tool said. A slow test compares the page with a run.
The client connects, lists the tools, calls one, and the cell says how that ends.

- **logged in**: the login is stored.
- **login needed**: nothing is stored. The client sees one tool, which signs in; the browser is one that says yes.
- **no browser**: the same, and the bridge finds no browser. With a user, a client that declared URL elicitation would
  show the address of the login; without one it declines, and the model is told that address.
- **server down**: the login is stored, and the server refuses connections.
- **server slow**: the login is stored, and each response of the server takes ten seconds.
- **token revoked**: the login is stored, and the server accepts neither its access token nor its refresh token.

Clients that follow `notifications/tools/list_changed` have the server's own tools as soon as the login is there. The
others read the list once: their session that began without a login ends without the tools, and the next one has them.
"""

Cells = Mapping[tuple[str, str], str]


def _logged_in(gateway: Gateway, home: Path) -> None:
    _configured(gateway, home).login("acme")


def _login_needed(gateway: Gateway, home: Path) -> None:
    _configured(gateway, home)


def _no_browser(gateway: Gateway, home: Path) -> None:
    Bridge(home).add_server("acme", gateway.url, login="auto", browser_command=[])


def _down(gateway: Gateway, home: Path) -> None:
    _logged_in(gateway, home)
    gateway.down()


def _slow(gateway: Gateway, home: Path) -> None:
    _logged_in(gateway, home)

    async def slow(scope, receive, send):
        await asyncio.sleep(DELAY)
        with contextlib.suppress(ClientDisconnect):
            await gateway._app(scope, receive, send)

    gateway.instead["/mcp"] = slow


def _revoked(gateway: Gateway, home: Path) -> None:
    _logged_in(gateway, home)
    gateway.grants._access.clear()
    gateway.grants._refresh.clear()


SCENARIOS: dict[str, Callable[[Gateway, Path], None]] = {
    "server slow": _slow,
    "logged in": _logged_in,
    "login needed": _login_needed,
    "no browser": _no_browser,
    "server down": _down,
    "token revoked": _revoked,
}
"""The slowest first."""

COLUMNS = ("logged in", "login needed", "no browser", "server down", "server slow", "token revoked")
INSPECTOR_NAME = "Inspector"


def _configured(gateway: Gateway, home: Path) -> Bridge:
    bridge = Bridge(home)
    bridge.add_server("acme", gateway.url, login="auto")
    return bridge


def names() -> list[str]:
    return [*(client.name for client in CLIENTS), INSPECTOR_NAME]


def play(client: Client | None, scenario: str, node_path: Path) -> str:
    """The cell of `client`, None for Inspector, in `scenario`."""
    with (
        tempfile.TemporaryDirectory(prefix="client-", ignore_cleanup_errors=True) as folder,
        Gateway() as gateway,
        Model() as model,
    ):
        place = Place(Path(folder) / "home", Path(folder) / "bridge", model.url)
        for path in (place.home, place.bridge):
            path.mkdir(0o700)
        SCENARIOS[scenario](gateway, place.bridge)
        before = len(Bridge(place.bridge).launches)
        if client is None:
            said, results = inspect(place, node_path, INSPECTOR), []
        else:
            said, results = client.run(place, node_path), model.results
        return outcome(said, results, len(Bridge(place.bridge).launches) - before)


def outcome(said: str, results: list[tuple[str, str]], logins: int) -> str:
    """What a cell says: `said` is what the client printed, `results` are what the model was told."""
    last = results[-1][1] if results else said
    if "The tool said" not in said:
        return f"fails: {' '.join(said.split())[-600:]}"
    if "refuses connections" in last:
        return TOLD
    if re.search(r"http://127\.0\.0\.1:\d+/open/\w+", last):
        return ADDRESS
    if re.search(r"\b5\b", last):
        return {0: RESULT, 1: AFTER_LOGIN}.get(logins, f"{logins} logins")
    if "You are signed in" in last and logins == 1:
        return NEXT_SESSION
    return f"fails: {' '.join(last.split())[-600:]}"


def play_all(clients: list[Client | None], node_path: Path) -> Cells:
    """Every cell of `clients`, played side by side."""
    pairs = [(client, scenario) for scenario in SCENARIOS for client in clients]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        cells = list(pool.map(lambda pair: play(*pair, node_path), pairs))
    keys = [(client.name if client else INSPECTOR_NAME, scenario) for client, scenario in pairs]
    return dict(zip(keys, cells, strict=True))


def document(cells: Cells, versions: Mapping[str, str]) -> str:
    """The text of docs/clients.md."""
    lines = ["| client | " + " | ".join(COLUMNS) + " |", "| --- " * (len(COLUMNS) + 1) + "|"]
    for name in names():
        row = [cells.get((name, scenario), "not played") for scenario in COLUMNS]
        lines.append(f"| {name} {versions[name]} | " + " | ".join(row) + " |")
    return "\n".join([HEAD, *lines, ""])


def documented() -> dict[tuple[str, str], str]:
    """The cells of docs/clients.md."""
    cells = {}
    for line in DOCUMENT.read_text().splitlines():
        first, *rest = (cell.strip() for cell in line.strip("|").split("|")) if line.startswith("| ") else ("",)
        name = first.rpartition(" ")[0]
        if name in names():
            cells |= {(name, scenario): cell for scenario, cell in zip(COLUMNS, rest, strict=True)}
    return cells


def versions() -> dict[str, str]:
    return {**{client.name: client.version for client in CLIENTS}, INSPECTOR_NAME: "2.12.0"}


def _main() -> None:
    install_node_modules()
    node_path = Path(node())
    wanted = sys.argv[1:] or names()
    clients: list[Client | None] = [client for client in CLIENTS if client.name in wanted]
    for client in clients:
        client.installed(node_path)
    cells = play_all([*clients, *([None] if INSPECTOR_NAME in wanted else [])], node_path)
    text = document(cells, versions())
    if sys.argv[1:]:
        sys.stdout.write(text)
    else:
        DOCUMENT.write_text(text)


if __name__ == "__main__":
    _main()
