"""The configuration: what it means, and that every mistake in it is named by file, key and expectation."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playing import outcome

from mcp_auth_bridge.cli.manual import build_parser
from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.config import machine as machine_module
from mcp_auth_bridge.config.auth import AnonymousSettings, BearerSettings, HeaderSettings
from mcp_auth_bridge.config.config_file import Config, parse
from mcp_auth_bridge.config.login import BrowserSettings, DeviceSettings
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.config.store import KeyCommandStoreSettings, KeyringStoreSettings
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.secret import EnvironmentVariable, Literal

PATH = Path("/etc/bridge.toml")
IDP = '{ issuer = "https://idp", client_id = "c", client_secret = "SECRET" }'


def profile(text, target="acme"):
    return parse(text, PATH).profile(target)


def refused(text):
    error = mistake(text)
    assert error.hint
    return error.message


def mistake(text):
    """What is wrong with the file, or with the one server in it."""
    try:
        (broken,) = parse(text, PATH).broken.values()
    except ConfigError as error:
        return error
    return broken.error


def server(lines=""):
    return f'[servers.acme]\nurl = "https://mcp.acme.example/mcp"\n{lines}\n'


def test_a_server_needs_nothing_but_its_url():
    acme = profile(server())
    assert (acme.name, str(acme.url)) == ("acme", "https://mcp.acme.example/mcp")
    assert (acme.auth, acme.store, dict(acme.headers)) == (BrowserSettings(), KeyringStoreSettings(), {})


def test_everything_that_can_be_said_is_understood():
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


def test_the_ways_to_authenticate_are_told_apart_by_kind():
    assert profile(server('auth = { kind = "bearer", token = "env:T" }')).auth == BearerSettings("env:T")
    assert profile(server('auth = { kind = "none" }')).auth == AnonymousSettings()
    headers = profile(server('auth = { kind = "headers", headers = { Authorization = "Basic ${X}" } }')).auth
    assert headers == HeaderSettings({"Authorization": "Basic ${X}"})


OWN = 'client_id = "c", issuer = "https://as.example"'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("servers = 3", ["servers", "expected a table, got a whole number"]),
        ("[servers.acme]", ["servers.acme", "the key url is missing"]),
        (server("ulr = 1"), ["line 3: servers.acme.ulr is not a known key"]),
        (server('auth = { kind = "magic" }'), ["servers.acme.auth", "magic"]),
        (server('auth = { kind = "browser", scopes = "a b" }'), ["servers.acme.auth.scopes", "expected a list"]),
        (server('auth = { kind = "browser", client_id = "c" }'), ["servers.acme.auth", "client_id without issuer"]),
        (
            server('auth = { kind = "browser", token_endpoint = "https://as/token" }'),
            ["servers.acme.auth", "without issuer and authorization_endpoint"],
        ),
        (
            server('auth = { kind = "browser", issuer = "https://as", registration_endpoint = "https://as/r" }'),
            ["registration_endpoint without authorization_endpoint and token_endpoint"],
        ),
        (
            server('auth = { kind = "device", issuer = "https://as", token_endpoint = "https://as/t" }'),
            ["without device_authorization_endpoint"],
        ),
        (
            server('auth = { kind = "browser", issuer = "https://as", token_endpoint = "http://as/t" }'),
            ["servers.acme.auth.token_endpoint", "https"],
        ),
        (server('auth = { kind = "browser", pkce = "plain" }'), ["servers.acme.auth.pkce"]),
        (server('auth = { kind = "browser", client_secret = "hunter2" }'), ["servers.acme.auth", "without client_id"]),
        (
            server(f'auth = {{ kind = "browser", {OWN}, auth_method = "none", client_secret = "env:S" }}'),
            ["contradict"],
        ),
        (server(f'auth = {{ kind = "browser", {OWN}, auth_method = "client_secret_post" }}'), ["contradict"]),
        (server('auth = { kind = "browser", auth_method = "x" }'), ["servers.acme.auth.auth_method"]),
        (server('auth = { kind = "browser", callback_port = 70000 }'), ["servers.acme.auth.callback_port", "65535"]),
        (server('auth = { kind = "browser", callback_port = -1 }'), ["servers.acme.auth.callback_port"]),
        (server('auth = { kind = "bearer", token = "hunter2${" }'), ["servers.acme.auth.token", "names no variable"]),
        (server('auth = { kind = "bearer", token = "command:" }'), ["servers.acme.auth.token", "names nothing"]),
        (server('auth = { kind = "headers", headers = {} }'), ["servers.acme.auth.headers is empty"]),
        (server('auth = { kind = "headers", headers = { Host = "hunter2" } }'), ["auth.headers", "Host"]),
        (
            server('auth = { kind = "headers", headers = { x-k = "hunter2" } }\nheaders = { X-K = "hunter2" }'),
            ["servers.acme.headers", "x-k is among auth.headers too"],
        ),
        (server('pass_environment = "X"'), ["servers.acme.pass_environment", "expected a list"]),
        (
            server('auth = { kind = "browser", callback_host = "0.0.0.0" }'),
            ["servers.acme.auth.callback_host", "not one of the allowed values"],
        ),
        *(
            (server(f'auth = {{ kind = "browser", callback_path = "{path}" }}'), ["auth.callback_path", "redirect URI"])
            for path in (
                "",
                "callback",
                ":81/x",
                "/a?b",
                "/a?",
                "/a#b",
                "/a/../b",
                "/a/%2E%2e",
                "/a b",
                "/a\\\\b",
                "/ä",
            )
        ),
        (
            server('auth = { kind = "device", offline_access = "never", scopes = ["a", "offline_access"] }'),
            ["servers.acme.auth", "contradict"],
        ),
        (server('auth = { kind = "browser", offline_access = false }'), ["servers.acme.auth.offline_access"]),
        (
            server('auth = { kind = "browser", client_name = " x" }'),
            ["servers.acme.auth.client_name", "cannot be the name"],
        ),
        (
            server('auth = { kind = "browser", client_name = "a\\u202eb" }'),
            ["servers.acme.auth.client_name", "cannot be the name"],
        ),
        (server('auth = { kind = "browser", client_metadata_url = "https://a.example" }'), ["client_metadata_url"]),
        (server('auth = { kind = "browser", client_metadata_url = "http://a.example/c" }'), ["client_metadata_url"]),
        (
            server('auth = { kind = "browser", client_metadata_url = "https://a.example/../c" }'),
            ["client_metadata_url"],
        ),
        (
            server('auth = { kind = "browser", client_metadata_url = "https://me:hunter2@a.example/c" }'),
            ["client_metadata_url", "cannot be a client's identifier"],
        ),
        (server("browser_command = 'firefox \"'"), ["servers.acme.browser_command", "split into words"]),
        (server("[store]\nkind = 'cloud'"), ["store", "cloud"]),
        (server("network = { prxy = 'none' }"), ["servers.acme.network.prxy is not a known key"]),
        ("[servers.'a/b']\nurl = 'https://x'", ["a/b", "not a server name"]),
        ("[servers.'']\nurl = 'https://x'", ["not a server name"]),
        ("[servers.acme", ["not valid TOML"]),
        ("x = 1", ["line 1: x is not a known key"]),
        ("[servers.acme]\nurl = 'http://mcp.acme.example'", ["servers.acme.url", "https"]),
        ("[servers.acme]\nurl = 'https://me:hunter2@mcp.acme.example'", ["servers.acme.url", "user name or password"]),
    ],
)
def test_a_mistake_is_named_by_file_key_and_expectation(text, words):
    message = refused(text)
    assert str(PATH) in message
    assert all(word in message for word in words), message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[servers.acme]", "the keys there: url, auth, headers, "),
        (server("network = { x = 1 }"), "the keys there: ca_file, "),
        (server("network = 5"), "write a table: { KEY = … }"),
        (server('auth = "bearer"'), "write a table: { KEY = … }"),
        (server("auth = { kind = 5 }"), "kind is one of: browser, device, "),
        (server("auth = { kind = ['x'] }"), "kind is one of: browser, device, "),
        (server('auth = { kind = "bearer" }'), "the keys there: token, resource"),
        (server('auth = { kind = "enterprise", idp = { x = 1 } }'), "the keys there: issuer, token_endpoint, "),
        (server('auth = { kind = "client_credentials", auth_method = "x" }'), "one of: client_secret_basic, "),
        (server('login = "no"'), "one of: auto, never"),
        (server("headers = { url = 1 }"), "write text in quotes"),
        (server("pass_environment = ['a', 1]"), "write text in quotes"),
        (server('relay = { deadline = "1" }'), "write a number"),
        ("[store]", "kind is one of: keyring, key_file, "),
        ("[store]\nkind = 'key_command'\ncommand = []", "write a list: "),
    ],
)
def test_the_hint_says_what_may_stand_there(text, hint):
    assert mistake(text).hint.startswith(hint)


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "cookie",
        "Content-Type",
        "Connection",
        "Transfer-Encoding",
        "TE",
        "Upgrade",
        "Proxy-Authorization",
        "Accept",
        "AUTHORIZATION",
        "DPoP",
        "Origin",
        "Last-Event-ID",
        "Mcp-Session-Id",
        "MCP-Protocol-Version",
        "Accept-Encoding",
    ],
)
def test_a_header_that_the_bridge_itself_sets_is_refused(name):
    assert "set by the bridge itself" in refused(server(f'headers = {{ {name} = "hunter2" }}'))


@pytest.mark.parametrize(
    "headers",
    [
        "{ 'X Y' = '1' }",
        "{ '' = '1' }",
        "{ 'X:' = '1' }",
        "{ X-A = '1', x-a = '2' }",
        '{ X = "hunter2\\r\\nY: 1" }',
        "{ X = ' hunter2' }",
        "{ X = 'hünter2' }",
        '{ X = "hunter2\\u0000" }',
    ],
)
def test_a_header_that_http_cannot_carry_is_refused_without_its_value(headers):
    message = refused(server(f"headers = {headers}"))
    assert "servers.acme.headers" in message
    assert "nter2" not in message


GOOD = '[servers.good]\nurl = "https://good.example/mcp"\n'


def test_a_mistake_in_one_server_ends_only_what_is_about_it():
    known = parse(f'{GOOD}[servers.bad]\nurl = "https://bad.example/mcp"\nscopes = []\n', PATH)
    assert (known.profile("good").name, [*known.broken]) == ("good", ["bad"])
    assert known.profile("https://other.example/mcp").name == "https://other.example/mcp"
    for target in ("bad", "https://bad.example/mcp"):
        with pytest.raises(ConfigError, match=r"line 5: servers\.bad\.scopes is not a known key"):
            known.profile(target)


@pytest.mark.parametrize("name", ["3", '"a/b"', '"my.server"', '"acme \u202e"'])
def test_whatever_is_wrong_with_a_server_the_others_stay(name):
    known = parse(f"{GOOD}[servers]\n{name} = 5\n" if name == "3" else f"{GOOD}[servers.{name}]\nulr = 5\n", PATH)
    assert (len(known.broken), known.profile("good").name) == (1, "good")


@pytest.mark.parametrize("text", ["[servers.acme", "[store]\nkind = 'x'", "[server.acme]", "x = " + "[" * 9999])
def test_what_concerns_every_server_ends_every_command(text):
    with pytest.raises(ConfigError):
        parse(f"{GOOD}{text}", PATH)


def test_a_file_that_is_not_toml_is_told_with_line_and_column():
    with pytest.raises(ConfigError, match=r"^/etc/bridge.toml is not valid TOML: .*\(at line 3, column 7\)$"):
        parse(f"{GOOD}url = no", PATH)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[servers.acme]\nulr = 'https://mcp.acme.example/mcp'", 'did you mean "url"?'),
        ("[server.acme]\nurl = 'https://mcp.acme.example/mcp'", 'did you mean "servers"?'),
        ("[servers.acme]\nurl = 'mcp.acme.example/mcp'", "did you mean https://mcp.acme.example/mcp?"),
        ("[servers.acme]\nurl = 'localhost:8000/mcp'", "did you mean http://localhost:8000/mcp?"),
        (server("network = { prxy = 'none' }"), 'did you mean "proxy"?'),
        (server("auth = { scope = ['a'] }"), 'did you mean "scopes"?'),
        (server("auth = { kin = 'none' }"), 'did you mean "kind"?'),
        (server("auth = { kind = 'brower' }"), 'did you mean "browser"? kind is one of: browser, '),
        (server("login = 'nver'"), 'did you mean "never"? one of: auto, never'),
    ],
)
def test_a_slip_of_the_fingers_is_answered_with_what_was_meant(text, hint):
    assert mistake(text).hint.startswith(hint)


@pytest.mark.parametrize("inside", ["", 'scopes = ["a"]', 'client_id = "c", issuer = "https://as.example"'])
def test_auth_without_a_kind_is_a_login_in_the_browser(inside):
    auth = profile(server(f"auth = {{ {inside} }}")).auth
    spelt_out = ", ".join(filter(None, ["kind = 'browser'", inside]))
    assert auth == profile(server(f"auth = {{ {spelt_out} }}")).auth
    assert isinstance(auth, BrowserSettings)


@pytest.mark.parametrize(
    ("inside", "kinds"),
    [
        ('token = "hunter2"', 'add kind = "bearer"'),
        ('headers = { X-Key = "hunter2" }', 'add kind = "headers"'),
        ('issuer = "https://as", assertion = "file:/t"', 'add kind = "jwt_bearer"'),
        ('issuer = "https://as", client_id = "c", private_key = "file:/k"', 'add kind = "client_credentials"'),
    ],
)
def test_auth_without_a_kind_that_fits_another_one_says_which(inside, kinds):
    error = mistake(server(f"auth = {{ {inside} }}"))
    assert error.hint.startswith(f"without kind it is a login in the browser; {kinds}")
    assert "hunter2" not in error.message + error.hint


def test_a_bare_url_is_a_server_of_its_own_unless_it_is_a_known_one():
    known = parse(server(), PATH)
    assert known.profile("https://MCP.acme.example:443/mcp#x").name == "acme"
    other = known.choose(ServerChoice("https://other.example/mcp", {"X-Org": "1"}))
    assert (other.name, other.headers) == ("https://other.example/mcp", {"X-Org": Literal("1")})


PLAIN = "http://metrics.cluster.example:8080/mcp"


def test_a_server_of_plain_http_is_accepted_where_its_table_says_so():
    allowed = parse(f'[servers.metrics]\nurl = "{PLAIN}"\nallow_http = true', PATH)
    assert str(allowed.choose(ServerChoice("metrics")).url) == PLAIN
    assert allowed.choose(ServerChoice(PLAIN)).name == "metrics"
    with pytest.raises(ConfigError, match=r"servers.metrics.url: .* plain http is accepted for loopback") as raised:
        parse(f'[servers.metrics]\nurl = "{PLAIN}"', PATH).profile("metrics")
    assert "allow_http = true" in raised.value.hint


def test_a_url_of_plain_http_is_accepted_where_the_command_line_says_so():
    assert str(Config(PATH).choose(ServerChoice(PLAIN, allow_http=True)).url) == PLAIN
    with pytest.raises(ConfigError) as raised:
        Config(PATH).choose(ServerChoice(PLAIN))
    assert "--allow-http" in raised.value.hint
    with pytest.raises(ConfigError, match="user name"):
        Config(PATH).choose(ServerChoice("http://me:hunter2@mcp.example/", allow_http=True))


@pytest.mark.parametrize("command", ["run", "login", "logout", "token", "tools", "call"])
def test_a_command_about_a_url_may_accept_plain_http(command):
    more = ["t"] if command == "call" else []
    assert build_parser().parse_args([command, PLAIN, *more, "--allow-http"]).allow_http
    assert not build_parser().parse_args([command, PLAIN, *more]).allow_http


def test_headers_of_the_command_line_are_added_and_win():
    known = parse(server('headers = { X-Org = "1", X-Two = "2" }'), PATH)
    assert known.choose(ServerChoice("acme", {"x-org": "9"})).headers == {"x-org": Literal("9"), "X-Two": Literal("2")}
    with pytest.raises(ConfigError, match="--header"):
        known.choose(ServerChoice("acme", {"Host": "evil"}))


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match="no server named “suite”") as raised:
        parse(server(), PATH).profile("suite")
    assert "the servers there: acme" in raised.value.hint
    with pytest.raises(ConfigError) as raised:
        parse(server(), PATH).profile("acne")
    assert raised.value.hint == "did you mean acme?"
    with pytest.raises(ConfigError) as raised:
        Config(PATH).profile("suite")
    assert "none yet" in raised.value.hint


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
def test_a_url_without_its_scheme_is_answered_with_the_whole(typed, meant):
    with pytest.raises(ConfigError) as raised:
        parse(GOOD, PATH).profile(typed)
    assert raised.value.hint == f"did you mean {meant}?"


@pytest.mark.parametrize("typed", ["https:/mcp.example", "suite", "me:hunter2@mcp.example/", "a b/c", "", "/mcp"])
def test_what_is_not_a_url_at_all_gets_none_suggested(typed):
    with pytest.raises(ConfigError) as raised:
        Config(PATH).profile(typed)
    assert "did you mean" not in raised.value.hint


def test_a_url_of_the_command_line_passes_the_gate():
    with pytest.raises(ConfigError, match="the URL on the command line") as raised:
        Config(PATH).profile("http://me:hunter2@mcp.example/")
    assert "hunter2" not in raised.value.message + raised.value.hint


def test_a_file_that_is_not_there_is_empty_and_one_that_cannot_be_read_is_named(tmp_path):
    assert config_file.load(tmp_path / "none.toml") == Config(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"\xff\xfe")
    for path in (tmp_path, tmp_path / "latin.toml"):
        with pytest.raises(ConfigError) as raised:
            config_file.load(path)
        assert raised.value.message.startswith(f"{path} ")


@given(st.text() | st.text("[]servers.acme='\"{}\n url#").map(server))
def test_whatever_stands_in_the_file_there_is_a_configuration_or_an_error_in_words(text):
    made = outcome(lambda: parse(text, PATH))
    assert isinstance(made, Config) or (isinstance(made, ConfigError) and made.message.startswith(str(PATH)))


SEVERAL = """
[servers.work]
url = "https://mcp.acme.example/mcp"
[servers.home]
url = "https://mcp.acme.example/mcp"
"""


def test_a_url_that_several_servers_share_is_told_apart_by_name_only():
    known = parse(SEVERAL, PATH)
    assert (known.profile("work").name, known.profile("home").name) == ("work", "home")
    with pytest.raises(ConfigError, match=r"several servers with this URL: work, home") as raised:
        known.profile("https://MCP.acme.example/mcp")
    assert "by its name" in raised.value.hint


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ('token = "refresh"', ["servers.acme.auth.token", "not one of the allowed values"]),
        ('account = "mia\\n"', ["servers.acme.auth.account", "is not an account"]),
        ('account = " mia"', ["servers.acme.auth.account", "is not an account"]),
        ('account = "mia", authorize_params = { login_hint = "bob" }', ["account and authorize_params.login_hint"]),
        ('audience = "a", authorize_params = { audience = "b" }', ["audience and authorize_params.audience"]),
        ('authorize_params = { resource = "x" }', ["authorize_params", "resource"]),
    ],
)
def test_what_a_profile_says_about_its_authorization_server_is_checked(auth, expected):
    message = refused(server(f'auth = {{ kind = "browser", {auth} }}'))
    assert all(part in message for part in ["/etc/bridge.toml", *expected])


def test_what_a_profile_says_about_its_authorization_server_is_understood():
    auth = profile(
        server('auth = { kind = "browser", resource = "none", audience = "urn:a", token = "id", account = "mia" }')
    ).auth
    assert (auth.resource, auth.audience, auth.token, auth.account) == ("none", "urn:a", "id", "mia")


# Where the sealing key is


def test_a_path_whose_variable_is_misspelt_is_named_when_the_file_is_read():
    said = refused('[store]\nkind = "key_file"\npath = "${CREDENTIALS-DIRECTORY}/key"')
    assert said == "/etc/bridge.toml, line 3: store.path has a ${ that names no variable"


def test_a_command_without_words_is_refused():
    assert "store.command" in refused('[store]\nkind = "key_command"\ncommand = []')


def machine(text):
    return server(f"auth = {{ {text} }}")


AT = 'issuer = "https://as.example"'
ENDPOINT = 'token_endpoint = "https://as.example/token"'
A_CLIENT = 'client_id = "c", client_secret = "env:S"'


def test_the_kinds_that_need_no_person_are_told_apart():
    auth = profile(machine(f'kind = "client_credentials", {AT}, {A_CLIENT}, scopes = ["a"]')).auth
    assert isinstance(auth, machine_module.ClientCredentialsSettings)
    assert (auth.client_secret, auth.scopes) == ("env:S", ("a",))
    workload = profile(machine(f'kind = "jwt_bearer", {AT}, assertion = "file:/t"')).auth
    assert (workload.assertion, workload.client_id) == ("file:/t", "")
    exchange = profile(machine(f'kind = "token_exchange", {AT}, subject_token = "env:T"')).auth
    assert machine_module.token_type(exchange.subject_token_type) == "urn:ietf:params:oauth:token-type:access_token"
    assert machine_module.token_type("urn:a:b") == "urn:a:b"
    idp = 'idp = { token_endpoint = "https://idp.example/token" }'
    enterprise = profile(machine(f'kind = "enterprise", {AT}, identity_assertion = "env:I", {idp}')).auth
    assert enterprise.idp.token_endpoint == "https://idp.example/token"


def test_a_login_on_another_device_has_no_way_back_to_configure():
    assert profile(machine('kind = "device", scopes = ["a"]')).auth == DeviceSettings(scopes=("a",))
    assert "callback_port" in refused(machine('kind = "device", callback_port = 4711'))
    assert "client_id without issuer" in refused(machine('kind = "device", client_id = "c"'))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'kind = "client_credentials", {A_CLIENT}', "an issuer or a token_endpoint is needed"),
        (f'kind = "client_credentials", {AT}, client_id = "c"', "needs a client_id"),
        (f'kind = "client_credentials", {AT}, client_secret = "hunter2"', "client_secret without client_id"),
        (f'kind = "client_credentials", {AT}, {A_CLIENT}, private_key = "hunter2"', "are both given"),
        (f'kind = "client_credentials", {AT}, {A_CLIENT}, key_id = "k"', "key_id without private_key"),
        (f'kind = "client_credentials", {AT}, {A_CLIENT}, algorithm = "HS256"', "auth.algorithm"),
        (f'kind = "client_credentials", {AT}, {A_CLIENT}, auth_method = "none"', "auth.auth_method"),
        (f'kind = "client_credentials", {A_CLIENT}, issuer = "http://as.example"', "auth.issuer"),
        (f'kind = "client_credentials", {A_CLIENT}, token_endpoint = "as.example"', "auth.token_endpoint"),
        (f'kind = "client_credentials", {AT}, {A_CLIENT}, callback_port = 1', "callback_port"),
        (f'kind = "client_credentials", {AT}, client_id = "c", client_secret = "a${{"', "auth.client_secret"),
        (f'kind = "jwt_bearer", {AT}', "assertion"),
        (f'kind = "jwt_bearer", {AT}, assertion = ""', "auth.assertion is empty"),
        (f'kind = "jwt_bearer", {AT}, assertion = "file:"', "auth.assertion"),
        ('kind = "jwt_bearer", assertion = "file:/t"', "an issuer or a token_endpoint is needed"),
        (f'kind = "token_exchange", {AT}, subject_token = "env:T", subject_token_type = "jwit"', "is not a token type"),
        (f'kind = "token_exchange", {AT}, subject_token = "env:T", actor_token = "env:"', "auth.actor_token"),
        (f'kind = "enterprise", {AT}, identity_assertion = "env:I"', "idp"),
        (f'kind = "enterprise", {AT}, identity_assertion = "env:I", idp = {{ client_id = "c" }}', "auth.idp"),
        (f'kind = "enterprise", {ENDPOINT}, identity_assertion = "env:I", idp = {{ {AT} }}', "needs the issuer"),
    ],
)
def test_what_a_machine_lacks_is_named(text, words):
    message = refused(machine(text))
    assert words in message
    assert "servers.acme.auth" in message
    assert "hunter2" not in message


def spoken(auth, target="acme", text=None):
    return parse(server() if text is None else text, PATH).choose(ServerChoice(target, auth=auth))


def test_auth_on_the_command_line_stands_in_for_the_configured_one():
    configured = server('auth = { kind = "bearer", token = "env:A" }\nheaders = { X-Org = "1" }')
    acme = spoken('kind = "headers", headers = { X-Key = "file:/run/key" }', text=configured)
    assert (acme.name, acme.auth) == ("acme", HeaderSettings({"X-Key": "file:/run/key"}))
    assert acme.headers == {"X-Org": Literal("1")}
    assert spoken("kind = 'none'", "https://other.example/mcp").auth == AnonymousSettings()


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
    assert spoken(inside).auth == profile(server(f"auth = {{ {inside} }}")).auth


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
        spoken(inside)
    assert raised.value.hint
    assert all(word in raised.value.message for word in words), raised.value.message


@pytest.mark.parametrize("secret", ["hunter2", "literal:hunter2", "${T}", "Token ${T:-hunter2}", "${T:-env:T}"])
@pytest.mark.parametrize(
    ("inside", "what"),
    [
        ('kind = "bearer", token = "SECRET"', "the token"),
        ('kind = "headers", headers = { X-Key = "SECRET" }', "the header X-Key"),
        ('kind = "browser", client_id = "c", issuer = "https://as", client_secret = "SECRET"', "the client_secret"),
        (
            'kind = "client_credentials", issuer = "https://as", client_id = "c", client_secret = "SECRET"',
            "the client_secret",
        ),
        (
            'kind = "client_credentials", issuer = "https://as", client_id = "c", private_key = "SECRET"',
            "the private_key",
        ),
        ('kind = "jwt_bearer", issuer = "https://as", assertion = "SECRET"', "the assertion"),
        ('kind = "token_exchange", issuer = "https://as", subject_token = "SECRET"', "the subject_token"),
        (
            'kind = "token_exchange", issuer = "https://as", subject_token = "env:S", actor_token = "SECRET"',
            "the actor_token",
        ),
        (
            'kind = "enterprise", issuer = "https://as", identity_assertion = "SECRET", idp = { issuer = "https://i" }',
            "the identity_assertion",
        ),
        (
            f'kind = "enterprise", issuer = "https://as", identity_assertion = "env:I", idp = {IDP}',
            "the idp's client_secret",
        ),
    ],
)
def test_no_secret_stands_on_a_command_line_and_no_variable_is_expanded_there(inside, what, secret):
    with pytest.raises(ConfigError, match="say where") as raised:
        spoken(inside.replace("SECRET", secret))
    assert what in raised.value.message
    assert "env:NAME" in raised.value.hint
    assert "hunter2" not in raised.value.message + raised.value.hint


def test_a_header_on_the_command_line_does_not_double_one_that_auth_gives():
    with pytest.raises(ConfigError, match="--auth: x-org is among"):
        spoken('kind = "headers", headers = { x-org = "env:O" }', text=server('headers = { X-Org = "1" }'))


def test_a_login_by_other_settings_than_the_configured_ones_is_another_login():
    own = profile(server())
    other, another = (spoken(f'kind = "browser", account = "{name}@acme.example"') for name in ("mia", "tom"))
    assert len({own.key, other.key, another.key}) == 3
    assert spoken('account = "mia@acme.example", kind = "browser"').key == other.key
    assert spoken('kind = "browser"').key == own.key
    assert spoken('kind = "browser"', "https://other.example/mcp").key == "https://other.example/mcp"
