"""What `doctor` says of the OAuth of servers that we did not write, with and without a fault."""

import json

from peer import McpServer

OAUTH = "oauth"


def examined(bridge, url, *arguments):
    bridge.add_server("acme", url)
    report = json.loads(bridge.run("doctor", "acme", "--json", *arguments).stdout)
    return report["verdict"], {line["check"]: line for line in report["findings"] if line["section"] == OAUTH}


def test_a_server_without_a_fault_is_one_login_away_and_nothing_is_registered_there(bridge, place) -> None:
    place.server.reset()
    verdict, lines = examined(bridge, place.url)
    assert (verdict["blame"], verdict["step"]) == ("you", "run: mcp-auth-bridge login acme")
    assert {line["outcome"] for line in lines.values()} == {"ok", "skip"}, lines
    counters = place.counters
    assert (counters["registrations"], "success" in str(counters["token"])) == (0, False)


def test_with_register_a_client_is_registered_and_deleted_again(bridge, protected_server, authorization_server) -> None:
    _, lines = examined(bridge, protected_server.url, "--register")
    assert lines["trial"]["says"] == "the authorization server registered this bridge, and deleted it again"
    counters = authorization_server.counters
    assert (counters["registrations"], counters["deletions"]) == (1, 1)


def test_an_issuer_that_is_named_in_another_spelling_is_named(bridge, authorization_server, logs) -> None:
    other = authorization_server.about["issuer"].replace("127.0.0.1", "localhost")
    server = McpServer("protected_server.py", other, logs / "other-spelling.log")
    try:
        verdict, lines = examined(bridge, server.url)
    finally:
        server.stop()
    assert verdict["blame"] == "authorization_server"
    assert f"“{other}” was asked" in verdict["sentence"]
    assert f'"issuer": "{other}"' in verdict["operator"]
    assert lines["issuer"]["outcome"] == "fail"


def test_an_authorization_server_that_is_down_is_to_blame_only_while_a_login_is_missing(
    bridge, protected_server, authorization_server
) -> None:
    bridge.add_server("acme", protected_server.url)
    authorization_server.down()
    try:
        verdict, lines = examined(bridge, protected_server.url)
        assert verdict["blame"] == "authorization_server"
        assert "where people log in" in verdict["sentence"]
    finally:
        authorization_server.up()
    bridge.login("acme")
    authorization_server.down()
    try:
        verdict, lines = examined(bridge, protected_server.url)
        assert lines["discovery"]["outcome"] == "warn"
        assert lines["discovery"]["signs"] == []
    finally:
        authorization_server.up()
