"""The configuration file: what it means, and that every mistake in it is named by file, key and expectation."""

import pytest
from configured import GOOD, IDP, PATH, profile, refused, server, with_argument, with_auth
from hypothesis import given
from hypothesis import strategies as st
from playing import outcome

from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.config.auth import AnonymousSettings, HeaderSettings
from mcp_auth_bridge.config.config_file import Config, parse
from mcp_auth_bridge.config.login import BrowserSettings
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.config.store import KeyCommandStoreSettings, KeyringStoreSettings
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.secret import EnvironmentVariable, Literal


def test_a_server_needs_nothing_but_its_url():
    acme = profile(server())
    assert (acme.name, str(acme.url)) == ("acme", "https://mcp.acme.example/mcp")
    assert (acme.auth, acme.store, dict(acme.headers)) == (BrowserSettings(), KeyringStoreSettings(), {})


def test_every_key_of_a_server_is_read():
    acme = profile(
        '[store]\nkind = "key_command"\ncommand = ["pass", "show", "bridge"]\n'
        + server(
            'headers = { "X-Org" = "42", "X-Api-Key" = "env:KEY" }\n'
            'auth = { kind = "browser", scopes = ["a"], client_id = "c", issuer = "https://a", callback_port = 47 }\n'
            'browser_command = "firefox --private-window"\n'
            'network = { ca_file = "/ca.pem", ipv4_only = true }'
        )
    )
    assert acme.store == KeyCommandStoreSettings(("pass", "show", "bridge"))
    assert acme.headers == {"X-Org": Literal("42"), "X-Api-Key": EnvironmentVariable("KEY")}
    assert (acme.auth.scopes, acme.auth.client_id, acme.auth.callback_port) == (("a",), "c", 47)
    assert acme.browser_command == ("firefox", "--private-window")
    assert (acme.network.ca_file, acme.network.ipv4_only) == ("/ca.pem", True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("servers = 3", ["servers", "expected a table, got a whole number"]),
        ("[servers.acme]", ["servers.acme", "the key url is missing"]),
        (server("ulr = 1"), ["line 3: servers.acme.ulr is not a known key"]),
        (server('pass_environment = "X"'), ["servers.acme.pass_environment", "expected a list"]),
        (server("[store]\nkind = 'cloud'"), ["store", "cloud"]),
        (server("network = { prxy = 'none' }"), ["servers.acme.network.prxy is not a known key"]),
        ("[servers.'a/b']\nurl = 'https://x'", ["a/b", "not a server name"]),
        ("[servers.'']\nurl = 'https://x'", ["not a server name"]),
        ("[servers.acme", ["not valid TOML"]),
        ("x = 1", ["line 1: x is not a known key"]),
    ],
)
def test_a_mistake_is_named_by_file_key_and_expectation(text, words):
    message = refused(text)
    assert str(PATH) in message
    assert all(word in message for word in words), message
    assert "hunter2" not in message


def test_a_mistake_in_one_server_affects_that_server_only():
    known = parse(f'{GOOD}[servers.bad]\nurl = "https://bad.example/mcp"\nscopes = []\n', PATH)
    assert (known.profile("good").name, [*known.broken]) == ("good", ["bad"])
    assert known.profile("https://other.example/mcp").name == "https://other.example/mcp"
    for target in ("bad", "https://bad.example/mcp"):
        with pytest.raises(ConfigError, match=r"line 5: servers\.bad\.scopes is not a known key"):
            known.profile(target)


@pytest.mark.parametrize("name", ["3", '"a/b"', '"my.server"', '"acme \u202e"'])
def test_a_broken_server_leaves_the_others_usable(name):
    known = parse(f"{GOOD}[servers]\n{name} = 5\n" if name == "3" else f"{GOOD}[servers.{name}]\nulr = 5\n", PATH)
    assert (len(known.broken), known.profile("good").name) == (1, "good")


@pytest.mark.parametrize("text", ["[servers.acme", "[store]\nkind = 'x'", "[server.acme]", "x = " + "[" * 9999])
def test_a_mistake_outside_of_the_servers_is_an_error_at_once(text):
    with pytest.raises(ConfigError):
        parse(f"{GOOD}{text}", PATH)


def test_a_url_is_a_new_server_unless_the_configuration_has_it():
    known = parse(server(), PATH)
    assert known.profile("https://MCP.acme.example:443/mcp#x").name == "acme"
    other = known.choose(ServerChoice("https://other.example/mcp", {"X-Org": "1"}))
    assert (other.name, other.headers) == ("https://other.example/mcp", {"X-Org": Literal("1")})


PLAIN = "http://metrics.cluster.example:8080/mcp"


def test_plain_http_is_accepted_if_the_table_allows_it():
    allowed = parse(f'[servers.metrics]\nurl = "{PLAIN}"\nallow_http = true', PATH)
    assert str(allowed.choose(ServerChoice("metrics")).url) == PLAIN
    assert allowed.choose(ServerChoice(PLAIN)).name == "metrics"
    with pytest.raises(ConfigError, match=r"servers.metrics.url: .* plain http is accepted for loopback") as raised:
        parse(f'[servers.metrics]\nurl = "{PLAIN}"', PATH).profile("metrics")
    assert "allow_http = true" in raised.value.hint


def test_plain_http_is_accepted_if_the_command_line_allows_it():
    assert str(Config(PATH).choose(ServerChoice(PLAIN, allow_http=True)).url) == PLAIN
    with pytest.raises(ConfigError) as raised:
        Config(PATH).choose(ServerChoice(PLAIN))
    assert "--allow-http" in raised.value.hint
    with pytest.raises(ConfigError, match="user name"):
        Config(PATH).choose(ServerChoice("http://me:hunter2@mcp.example/", allow_http=True))


def test_headers_on_the_command_line_are_added_and_win():
    known = parse(server('headers = { X-Org = "1", X-Two = "2" }'), PATH)
    assert known.choose(ServerChoice("acme", {"x-org": "9"})).headers == {"x-org": Literal("9"), "X-Two": Literal("2")}
    with pytest.raises(ConfigError, match="--header"):
        known.choose(ServerChoice("acme", {"Host": "evil"}))


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match="no server named “suite”") as raised:
        parse(server(), PATH).profile("suite")
    assert raised.value.hint == "name one of the servers there: acme; or give a URL, which starts with https://"
    with pytest.raises(ConfigError) as raised:
        parse(server(), PATH).profile("acne")
    assert raised.value.hint == "did you mean acme?"
    with pytest.raises(ConfigError) as raised:
        Config(PATH).profile("suite")
    assert raised.value.hint == "give the URL, which starts with https://, or first run: mcp-auth-bridge add NAME URL"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("mcp.acme.example/mcp", "https://mcp.acme.example/mcp"),
        ("mcp.acme.example", "https://mcp.acme.example"),
        ("127.0.0.1:8000/mcp", "http://127.0.0.1:8000/mcp"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("localhost", "http://localhost"),
    ],
)
def test_a_url_without_its_scheme_gets_the_whole_url_suggested(typed, meant):
    with pytest.raises(ConfigError) as raised:
        parse(GOOD, PATH).profile(typed)
    assert raised.value.hint == f"did you mean {meant}?"


@pytest.mark.parametrize("typed", ["https:/mcp.example", "suite", "me:hunter2@mcp.example/", "a b/c", "", "/mcp"])
def test_other_text_gets_no_url_suggested(typed):
    with pytest.raises(ConfigError) as raised:
        Config(PATH).profile(typed)
    assert "did you mean" not in raised.value.hint


def test_a_url_on_the_command_line_passes_the_gate():
    with pytest.raises(ConfigError, match="the URL on the command line") as raised:
        Config(PATH).profile("http://me:hunter2@mcp.example/")
    assert "hunter2" not in raised.value.message + raised.value.hint


def test_a_missing_file_counts_as_empty_and_an_unreadable_one_is_named(tmp_path):
    assert config_file.load(tmp_path / "none.toml") == Config(tmp_path / "none.toml")
    (tmp_path / "good.toml").write_text(GOOD)
    assert [*config_file.load(tmp_path / "good.toml").profiles] == ["good"]
    (tmp_path / "latin.toml").write_bytes(b"\xff\xfe")
    for path in (tmp_path, tmp_path / "latin.toml"):
        with pytest.raises(ConfigError) as raised:
            config_file.load(path)
        assert raised.value.message.startswith(f"{path} ")


@given(st.text() | st.text("[]servers.acme='\"{}\n url#").map(server))
def test_any_text_is_a_configuration_or_an_error_that_names_the_file(text):
    made = outcome(lambda: parse(text, PATH))
    assert isinstance(made, Config) or (isinstance(made, ConfigError) and made.message.startswith(str(PATH)))


SEVERAL = """
[servers.work]
url = "https://mcp.acme.example/mcp"
[servers.home]
url = "https://mcp.acme.example/mcp"
"""


def test_servers_with_the_same_url_are_told_apart_by_name():
    known = parse(SEVERAL, PATH)
    assert (known.profile("work").name, known.profile("home").name) == ("work", "home")
    with pytest.raises(ConfigError, match=r"several servers with this URL: work, home") as raised:
        known.profile("https://MCP.acme.example/mcp")
    assert "by its name" in raised.value.hint


def test_auth_on_the_command_line_replaces_the_configured_one():
    configured = server('auth = { kind = "bearer", token = "env:A" }\nheaders = { X-Org = "1" }')
    acme = with_argument('kind = "headers", headers = { X-Key = "file:/run/key" }', text=configured)
    assert (acme.name, acme.auth) == ("acme", HeaderSettings({"X-Key": "file:/run/key"}))
    assert acme.headers == {"X-Org": Literal("1")}
    assert with_argument("kind = 'none'", "https://other.example/mcp").auth == AnonymousSettings()


@pytest.mark.parametrize(
    "inside",
    [
        'kind = "browser", scopes = ["a"], authorize_params = { prompt = "login" }',
        'kind = "device", account = "mia@acme.example"',
        'kind = "bearer", token = "env:T", resource = "urn:x"',
        'kind = "headers", headers = { "X-Key" = "keyring:key" }',
        'kind = "none"',
        'kind = "client_credentials", issuer = "https://as", client_id = "c", client_secret = "env:S"',
        'kind = "client_credentials", issuer = "https://as", client_id = "c", private_key = "file:/key.pem"',
        'kind = "jwt_bearer", issuer = "https://as", assertion = "file:/var/run/token"',
        'kind = "token_exchange", token_endpoint = "https://as/t", subject_token = "command:whoami"',
        f'kind = "enterprise", issuer = "https://as", identity_assertion = "env:I", idp = {IDP}'.replace(
            "SECRET", "env:S"
        ),
    ],
)
def test_every_kind_of_auth_has_a_command_line_form_with_the_same_keys(inside):
    assert with_argument(inside).auth == profile(with_auth(inside)).auth


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ("", ["--auth is empty"]),
        ('kind = "magic"', ["--auth.kind: ", "magic"]),
        ('kind = "bearer"', ["--auth: ", "the key token is missing"]),
        ('kind = "bearer", token = "env:T", tokn = 1', ["--auth.tokn is not a known key"]),
        ('kind = "bearer", token = "env:"', ["--auth.token", "names nothing"]),
        ('kind = "browser", client_id = "c"', ["--auth: client_id without issuer"]),
        ('kind = "headers", headers = { Host = "env:H" }', ["--auth.headers", "Host"]),
        ('kind = "enterprise", issuer = "https://as", identity_assertion = "env:I", idp = {}', ["--auth.idp"]),
        *(
            (inside, ["--auth is not the content of a TOML table"])
            for inside in (
                '{ kind = "none" }',
                "bearer",
                "kind = none",
                'kind = "none" #',
                'kind = "none" }\n[servers.evil]\nurl = { x = "y"',
                'kind = "none", x = ' + "[" * 5000,
                'kind = "\udc80"',
            )
        ),
    ],
)
def test_a_mistake_in_auth_on_the_command_line_is_named(inside, words):
    with pytest.raises(ConfigError) as raised:
        with_argument(inside)
    assert raised.value.hint
    assert all(word in raised.value.message for word in words), raised.value.message


def test_a_header_that_auth_on_the_command_line_names_too_is_refused():
    with pytest.raises(ConfigError, match="--auth: x-org is among"):
        with_argument('kind = "headers", headers = { x-org = "env:O" }', text=server('headers = { X-Org = "1" }'))


def test_a_login_with_other_settings_is_another_login():
    own = profile(server())
    other, another = (with_argument(f'kind = "browser", account = "{name}@acme.example"') for name in ("mia", "tom"))
    assert len({own.key, other.key, another.key}) == 3
    assert with_argument('account = "mia@acme.example", kind = "browser"').key == other.key
    assert with_argument('kind = "browser"').key == own.key
    assert with_argument('kind = "browser"', "https://other.example/mcp").key == "https://other.example/mcp"


def test_a_login_with_other_settings_is_not_found_by_its_name_in_the_store():
    with pytest.raises(ConfigError, match="“acme~0123” is a login that was made with --auth") as raised:
        profile(server(), "acme~0123")
    assert "give acme and the same --auth again" in raised.value.hint


def test_a_byte_order_mark_at_the_beginning_is_not_a_mistake(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf[servers.acme]\r\nurl = 'https://acme.example/mcp'\r\n")
    assert set(config_file.load(path).profiles) == {"acme"}
