"""The key pair of a machine."""

import json

from mcp_auth_bridge.commands import key, logout
from mcp_auth_bridge.stores import login_export


def test_the_key_is_also_json(server, capsys):
    server.run(key.run(key.Input(), server.context))
    line = capsys.readouterr().out.strip()
    server.run(key.run(key.Input(as_json=True), server.context))
    assert json.loads(capsys.readouterr().out) == {"recipient": line}


def test_the_key_of_a_machine_is_sealed_and_is_not_a_login(server, capsys):
    server.run(key.run(key.Input(), server.context))
    line = capsys.readouterr().out.strip()
    private = key.load_machine_key(server.store)
    assert login_export.recipient_line(private) == line
    for path in server.paths.records.iterdir():
        assert private not in path.read_bytes()
    assert server.run(logout.run(logout.Input(None), server.context)) == 0
    assert key.load_machine_key(server.store) == private
