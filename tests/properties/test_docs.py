"""The documents describe the program correctly."""

import ast
import json
import re
from pathlib import Path

import msgspec
import pytest
from playing import answer, play
from registration_flow import REGISTER, server

from mcp_auth_bridge import __version__, errors
from mcp_auth_bridge.cli.manual import build_parser
from mcp_auth_bridge.config import auth, config_file, login, machine, network, store
from mcp_auth_bridge.oauth.client_metadata import METADATA_DOCUMENT_PORTS
from mcp_auth_bridge.oauth.registration import register
from mcp_auth_bridge.urls import Purpose, gate

ROOT = Path(__file__).parents[2]


def test_the_example_configuration_holds_every_key_and_is_valid():
    example = (ROOT / "config.example.toml").read_text()
    profiles = config_file.parse(example, Path("config.example.toml")).profiles
    assert set(profiles) >= {"acme", "tickets", "metrics", "local"}
    shapes = (
        config_file.ServerTable,
        config_file.ConfigFile,
        login.BrowserSettings,
        *(machine.RegisteredClientSettings, machine.ClientCredentialsSettings, machine.JwtBearerSettings),
        *(machine.TokenExchangeSettings, machine.EnterpriseSettings),
        auth.BearerSettings,
        auth.HeaderSettings,
        network.NetworkSettings,
        store.KeyFileStoreSettings,
        store.RedisStoreSettings,
    )
    for field in {name for shape in shapes for name in shape.__struct_fields__} - {"servers"}:
        assert re.search(rf"\b{field}\b", example), field


@pytest.mark.parametrize("document", ["README.md", "config.example.toml", "docs/rollout.md"])
def test_a_documented_configuration_is_valid(document):
    text = (ROOT / document).read_text()
    blocks = re.findall(r"```toml\n(.*?)```", text, re.DOTALL) or [text]
    for block in blocks:
        assert config_file.parse(block, Path(document)).profiles


def test_every_command_has_an_example_in_its_help(capsys):
    commands = next(action.choices for action in build_parser()._actions if isinstance(action.choices, dict))
    assert set(commands) == {
        "run",
        "add",
        "list",
        "edit",
        "remove",
        "login",
        "key",
        "secret",
        "logout",
        "status",
        "install",
        "uninstall",
        "completion",
        "doctor",
        "token",
        "tools",
        "call",
        "demo",
    }
    for name, command in commands.items():
        assert f"example:\n  mcp-auth-bridge {name}" in command.format_help()


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (errors.ConfigError, "configuration"),
        (errors.LoginRequired, "login"),
        (errors.AccessDenied, "permission"),
        (errors.StoreError, "store"),
        (errors.Unreachable, "unreachable"),
    ],
)
def test_the_exit_codes_in_the_readme_match_the_errors(error, word):
    listed = (ROOT / "README.md").read_text().partition("has an exit code:")[2].partition("docs/headless.md")[0]
    codes = dict(re.findall(r"\b(\d+) ([^,()]+)", listed))
    assert word in codes[str(error.exit_code)]


def test_the_table_of_exit_codes_matches_the_errors():
    table = re.findall(r"^\| (\d+) \| (`.*?`) \|", (ROOT / "docs" / "headless.md").read_text(), re.MULTILINE)
    documented = {reason: int(code) for code, reasons in table for reason in re.findall(r"`(\w+)`", reasons)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BridgeError)]
    assert documented == {kind.reason: kind.exit_code for kind in kinds}


def test_the_changelog_has_this_version():
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_no_document_names_a_path_of_the_development_machine():
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*.toml")]:
        assert "/work/" not in path.read_text(), path


def test_the_client_metadata_document_lists_every_port_that_the_bridge_uses_with_it():
    document = json.loads((ROOT / "docs" / "client-metadata.json").read_text())
    expected = [
        f"http://{host}:{port}/callback" for host in ("127.0.0.1", "localhost") for port in METADATA_DOCUMENT_PORTS
    ]
    assert document["redirect_uris"] == expected


def test_the_client_metadata_document_matches_a_registration():
    document = json.loads((ROOT / "docs" / "client-metadata.json").read_text())
    asked = []
    where = document["redirect_uris"][0]
    device = gate("https://as.example/device", Purpose.DEVICE)
    there = msgspec.structs.replace(server(("none",)), device_endpoint=device)
    play(register(there, where, (), None), [(REGISTER, answer({"client_id": "abc"}))], asked)
    registered = json.loads(asked[0].document)
    differences = {"client_id", "redirect_uris"}
    assert {key: value for key, value in document.items() if key not in differences} == {
        key: value for key, value in registered.items() if key not in differences
    }


def test_the_client_metadata_document_cannot_be_published_unchanged_by_mistake():
    """Its identifier must be the URL of its publication, which is unknown before: "REPLACE" is not a host."""
    document = json.loads((ROOT / "docs" / "client-metadata.json").read_text())
    assert document["client_id"] == "https://REPLACE-WITH-WHERE-THIS-IS-PUBLISHED/client-metadata.json"


def test_each_test_that_the_page_on_security_links_exists():
    page = (ROOT / "docs" / "security.md").read_text()
    linked = re.findall(r"\[`(test_\w+)`\]\(\.\./(tests/[\w/]+\.py)\)", page)
    assert len(linked) == page.count("](../tests/") > 40
    for name, file in linked:
        assert f"def {name}(" in (ROOT / file).read_text(), (name, file)


def test_each_attack_on_the_page_on_security_has_a_test():
    page = (ROOT / "docs" / "security.md").read_text().partition("## Not defended")[0]
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith(("| attack", "| ---"))]
    assert all("](../tests/" in row for row in rows)


def texts(path: Path) -> list[str]:
    """The texts in the source at `path`, with `…` in the place of each value."""
    return [text for node in ast.walk(ast.parse(path.read_text())) if (text := rendered(node))]


def rendered(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(rendered(part) or "…" for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (rendered(left) or "…") + (rendered(right) or "…")
    return ""


def test_each_sentence_of_the_page_on_troubleshooting_is_one_of_the_program():
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    sentences = re.findall(r"^\| “(.+?)” \|", page, re.MULTILINE)
    assert len(sentences) == sum(line.startswith("| “") for line in page.splitlines()) > 50
    package = [text for path in (ROOT / "mcp_auth_bridge").rglob("*.py") for text in texts(path)]
    for sentence in sentences:
        words = ".*".join(re.escape(part) for part in sentence.split("…"))
        assert any(re.search(words, text) for text in package), sentence


def test_the_readme_quotes_only_sentences_of_the_page_on_troubleshooting():
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    for sentence in re.findall(r"^\| “(.+?)” \|", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert f"“{sentence}”" in page, sentence


DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_link_to_a_file_or_a_heading_leads_somewhere(document):
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        file, _, heading = link.partition("#")
        target = document.parent / file if file else document
        assert target.exists(), link
        if heading:
            assert heading in {anchor(title) for title in re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)}


def anchor(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_the_comparison_shows_its_cells_by_tests_of_this_bridge_and_by_pages_of_the_others():
    section = (ROOT / "README.md").read_text().partition("## Why not another one")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 10
    for feature, ours, *others in rows:
        if ours == "no":
            assert any("](https://" in cell for cell in others), feature
        else:
            ((file, name),) = re.findall(r'\]\((tests/\S+) "(test_\w+)"\)', ours)
            assert f"def {name}(" in (ROOT / file).read_text(), name
        assert len(others) == 4, feature
        assert all(cell == "\N{EN DASH}" or "](https://" in cell for cell in others), feature
