"""A test runs every code block of the documents, or a comment before the block says why not."""

import ast
from pathlib import Path

import pytest
from client_pages import PAGES
from documents import DOCUMENTS, ROOT, block, blocks

HEADLESS = "tests/scenarios/test_headless_document.py"
STEPS = "tests/e2e/test_steps_of_the_readme.py"
INSTALLING = "tests/e2e/test_installing.py"

# By document, then by a block's mark (or its language without one): the file and the test that run it.
RUN_BY = {
    "README.md": {
        "demo": (".ci/run", "as_printed"),
        "test": (".ci/run", "tested"),
        "install": (STEPS, "test_one_command_logs_in_and_writes_the_entry"),
        "install with uv": (INSTALLING, "test_each_way_to_install_puts_the_command_where_the_readme_says"),
        "install with pipx": (INSTALLING, "test_each_way_to_install_puts_the_command_where_the_readme_says"),
        "install with pip": (INSTALLING, "test_each_way_to_install_puts_the_command_where_the_readme_says"),
        "install a wheel": (INSTALLING, "test_each_way_to_install_puts_the_command_where_the_readme_says"),
        "where it is": (INSTALLING, "test_each_way_to_install_puts_the_command_where_the_readme_says"),
        "login": (STEPS, "test_a_login_and_an_entry_are_enough"),
        "entry": (STEPS, "test_a_login_and_an_entry_are_enough"),
        "add": ("tests/e2e/test_add.py", "test_the_commands_of_the_readme_write_the_servers"),
        "configuration": (STEPS, "test_the_configuration_reaches_both_servers"),
    },
    "docs/architecture.md": {
        "interface": ("tests/properties/test_code_blocks.py", "test_an_interface_is_the_one_in_the_source"),
    },
    "docs/doctor.md": {
        "the report of S1": (
            "tests/scenarios/test_doctor_verdicts.py",
            "test_the_example_of_the_documentation_is_what_doctor_prints",
        ),
    },
    "docs/headless.md": {
        "toml": (HEADLESS, "test_a_configuration_is_valid"),
        "headless": (HEADLESS, "test_the_bridge_runs_without_a_user"),
        "empty environment": (HEADLESS, "test_an_empty_environment_is_enough"),
        "moving a login": ("tests/e2e/test_moving_a_login.py", "test_a_login_moves_as_documented"),
        "a line of the log": (HEADLESS, "test_the_documented_line_of_json_is_the_line_on_stderr"),
        "kubernetes": (HEADLESS, "test_the_pod_checks_its_credential_and_its_agent_shares_the_token"),
        "actions": (HEADLESS, "test_the_job_exchanges_its_github_token"),
        "actions config": (HEADLESS, "test_the_job_exchanges_its_github_token"),
        "actions script": (HEADLESS, "test_the_job_exchanges_its_github_token"),
        "systemd": (HEADLESS, "test_the_unit_reads_its_systemd_credential"),
        "systemd config": (HEADLESS, "test_the_unit_reads_its_systemd_credential"),
        "scripts": (HEADLESS, "test_the_documented_scripts_get_a_token_and_results"),
    },
    "docs/rollout.md": {
        "configuration": ("tests/properties/test_docs.py", "test_a_documented_configuration_is_valid"),
    },
    **{
        f"docs/clients/{name}.md": {
            "entry": ("tests/clients/test_client_pages.py", "test_the_entry_on_a_page_starts_the_bridge"),
        }
        for name in PAGES
    },
}
NOT_RUN = "not run: "


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_code_block_has_a_test_or_a_comment_why_not(document: str) -> None:
    names = [mark or language for mark, language, _ in blocks(document) if not mark.startswith(NOT_RUN)]
    unknown = set(names) - set(RUN_BY.get(document, {}))
    assert not unknown, f"name the tests of these blocks in RUN_BY, or put <!-- {NOT_RUN}why --> before them"
    assert set(names) == set(RUN_BY.get(document, {}))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_fence_is_overlooked(document: str) -> None:
    fences = sum(line.lstrip().startswith(("```", "~~~")) for line in (ROOT / document).read_text().splitlines())
    assert fences == 2 * len(blocks(document))


@pytest.mark.parametrize(("file", "name"), sorted({place for places in RUN_BY.values() for place in places.values()}))
def test_each_named_test_exists(file: str, name: str) -> None:
    text = (ROOT / file).read_text()
    assert f"{name}() {{" in text if file == ".ci/run" else f"def {name}(" in text


@pytest.mark.parametrize("text", [text for mark, _, text in blocks("docs/architecture.md") if mark == "interface"])
def test_an_interface_is_the_one_in_the_source(text: str) -> None:
    (shown,) = ast.parse(text).body
    assert isinstance(shown, ast.ClassDef)
    package = ROOT / "mcp_auth_bridge"
    places = {"Credentials": "credentials/base.py", "Relay": "relay/base.py", "Store": "stores/base.py"}
    assert signatures(shown) == signatures(defined(shown.name, package / places[shown.name]))


def defined(name: str, path: Path) -> ast.ClassDef:
    tree = ast.parse(path.read_text())
    (found,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    return found


def signatures(node: ast.ClassDef) -> dict[str, tuple[str, str]]:
    functions = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {
        each.name: (ast.unparse(each.args), ast.unparse(each.returns) if each.returns else "") for each in functions
    }


def test_a_block_can_be_found_by_its_mark() -> None:
    assert block("README.md", "demo") == "./try demo --no-browser\n"
