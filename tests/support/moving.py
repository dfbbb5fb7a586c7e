"""Two machines between which a login moves, in the test's files."""

import asyncio

import pytest

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.commands import export_login, import_login
from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.session import CLIENTS, Client, Session, dump, load_client, load_session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.files.paths import paths_below

URL = "https://acme.example/mcp"
ISSUER = "https://login.example"
PASSPHRASE = "canary of four words"
FROM = "env:MOVING"
ENVIRON = {"MOVING": PASSPHRASE, "OTHER": "another of four words", "SHORT": "canary"}


class Machine:
    """One home, with a sealing key in a file and the servers `acme` and `work` at the same URL."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder = folder
        self.paths = paths_below(folder)
        self.text = f"[store]\nkind = 'key_file'\npath = '{folder / 'key'}'\n"
        self.serve("acme")

    def serve(self, name, url=URL, auth="{ kind = 'browser' }"):
        self.text += f"[servers.{name}]\nurl = '{url}'\nauth = {auth}\n"

    @property
    def context(self):
        return Context(self.paths, config_file.parse(self.text, self.paths.config), ENVIRON)

    @property
    def store(self):
        return StoreAccess(self.context.config.store, self.paths).store

    def log_in(self, name="acme", **more):
        client = Client(
            issuer=ISSUER, id="c", management_uri=f"{ISSUER}/c", management_token=Secret("canary-management")
        )
        about = {
            "resource": URL,
            "issuer": ISSUER,
            "token_endpoint": f"{ISSUER}/token",
            "client": client,
            "access": Secret("canary-access"),
            "refresh": Secret("canary-refresh"),
            "obtained_at": 0.0,
            "account": "mia@acme.example",
            "names": ("mia@acme.example",),
            "dpop_key": Secret("canary-key"),
        }
        session = Session(**{**about, **more})
        self.store.save(f"session {name} {URL}", dump(session), None)
        if session.client.registered and self.client is None:
            self.store.save(f"{CLIENTS}{ISSUER}", dump(session.client), None)
        return session

    def login(self, name="acme"):
        record = self.store.load(f"session {name} {URL}")
        return None if record is None else load_session(record.secret)

    @property
    def client(self):
        record = self.store.load(f"{CLIENTS}{ISSUER}")
        return None if record is None else load_client(record.secret)

    def run(self, story):
        return asyncio.run(story)

    def export(self, file, *, recipient="", source=FROM, copy=False, name="acme"):
        given = export_login.Input(name, str(file), recipient, "" if recipient else source, copy)
        return self.run(export_login.run(given, self.context))

    def take(self, file, *, source=FROM, replace=False, name="acme"):
        return self.run(import_login.run(import_login.Input(name, str(file), source, replace), self.context))


def refusal(function, *arguments, **options):
    with pytest.raises(BridgeError) as refused:
        function(*arguments, **options)
    assert "canary" not in f"{refused.value.message} {refused.value.hint}"
    assert refused.value.hint
    return type(refused.value), refused.value.message
