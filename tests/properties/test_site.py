"""The site: every page of docs/ is on it, and its links lead somewhere. `.ci/run` builds it in strict mode."""

import json
import re
from os.path import normpath

import pytest
from site_pages import DOCS, HOME, ROOT, pages, project, rewritten

DARK = 'media="(prefers-color-scheme: dark)"'
REPOSITORY = "https://git.example/a/b"


def places(entries: object) -> list[str]:
    """The pages of a navigation, in its order."""
    if isinstance(entries, str):
        return [entries]
    assert isinstance(entries, list)
    return [page for entry in entries for value in entry.values() for page in places(value)]


def test_the_navigation_lists_the_readme_and_each_page_of_docs_once():
    listed = places(project()["nav"])
    assert listed[0] == HOME
    assert sorted(listed[1:]) == sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


def test_the_navigation_names_a_client_as_its_page_does():
    (clients,) = (value for entry in project()["nav"] for name, value in entry.items() if name == "Clients")
    for entry in clients[:-1]:
        ((name, page),) = entry.items()
        assert (DOCS / page).read_text().startswith(f"# {name}\n")


def test_the_repository_of_the_site_is_the_one_that_the_registry_trusts():
    owner, _, name = json.loads((ROOT / "server.json").read_text())["name"].removeprefix("io.github.").partition("/")
    assert project()["repo_url"] == f"https://github.com/{owner}/{name}"


def test_each_link_between_the_files_of_the_site_leads_to_one_of_them():
    files = pages()
    for place, content in files.items():
        text = re.sub(r"^```.*?^```$", "", content.decode(), flags=re.DOTALL | re.MULTILINE)
        for target in (
            re.findall(r"(?:\]\(|src=\"|srcset=\")(?!\w+:)([^)#\s\"]+)", text) if place.endswith(".md") else ()
        ):
            assert normpath(f"{place}/../{target}") in files, (place, target)


def test_each_link_into_the_repository_names_something_in_it():
    into = re.compile(rf"\]\({re.escape(str(project()['repo_url']))}/(blob|tree)/main/([^)#\s]+)")
    linked = {
        found for place, text in pages().items() if place.endswith(".md") for found in into.findall(text.decode())
    }
    assert len(linked) > 40
    for kind, file in linked:
        assert (ROOT / file).is_dir() == (kind == "tree"), file
        assert (ROOT / file).exists(), file


@pytest.mark.parametrize(
    ("document", "link", "expected"),
    [
        ("README.md", "[a](docs/faq.md)", "[a](faq.md)"),
        ("README.md", "[a](docs/clients/kiro.md#kiro)", "[a](clients/kiro.md#kiro)"),
        (
            "README.md",
            '[a](tests/test_urls.py "its test")',
            f'[a]({REPOSITORY}/blob/main/tests/test_urls.py "its test")',
        ),
        ("README.md", "[a](#here) [b](https://b.example/c.md)", "[a](#here) [b](https://b.example/c.md)"),
        ("docs/faq.md", "[a](../README.md#try-it)", "[a](index.md#try-it)"),
        ("docs/faq.md", "[a](../tests/e2e)", f"[a]({REPOSITORY}/tree/main/tests/e2e)"),
        ("docs/clients/kiro.md", "[a](../install.md) [b](../../README.md)", "[a](../install.md) [b](../index.md)"),
        ("docs/screens/README.md", "![a](list-dark.svg)", "![a](list-dark.svg)"),
        ("README.md", '<img src="docs/screens/a.svg" alt="a">', '<img src="screens/a.svg" alt="a">'),
        ("README.md", f'<source {DARK} srcset="docs/screens/a.svg">', f'<source {DARK} srcset="screens/a.svg">'),
        ("docs/screens/README.md", "[a](make.py)", f"[a]({REPOSITORY}/blob/main/docs/screens/make.py)"),
        ("README.md", "```\n[a](docs/faq.md)\n```", "```\n[a](docs/faq.md)\n```"),
    ],
)
def test_a_link_leads_to_the_page_of_the_site_or_to_the_file_in_the_repository(document, link, expected):
    assert rewritten(link, document, REPOSITORY) == expected
