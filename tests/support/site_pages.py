"""The pages of the site (zensical.toml): README.md is its home, docs/ the rest.

uv run python tests/support/site_pages.py && uv run --only-group docs zensical build --strict

A link to a page leads to that page of the site, and a link to any other file leads into the repository.
"""

import re
import shutil
import tomllib
from os.path import normpath, relpath
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
HOME = "index.md"


def project() -> dict[str, object]:
    """What zensical.toml says about the site."""
    return tomllib.loads((ROOT / "zensical.toml").read_text())["project"]


def place(file: str) -> str | None:
    """Where the site has `file` of the repository, or None if it has it not: a page, or a picture or schema of one."""
    if file == "README.md":
        return HOME
    if file.startswith("docs/") and file.endswith((".md", ".svg", ".json")):
        return file.removeprefix("docs/")
    return None


def rewritten(text: str, document: str, repository: str) -> str:
    """`text` of `document` with its links as the site needs them; code stays as it is."""

    def link(found: re.Match[str]) -> str:
        file, hash_, heading = found["target"].partition("#")
        if not file:
            return found[0]
        file = normpath(f"{document}/../{file}")
        there = place(file)
        if there:
            target = relpath(there, f"{place(document)}/..")
        else:
            target = f"{repository}/{'tree' if (ROOT / file).is_dir() else 'blob'}/main/{file}"
        return f"{found['before']}{target}{hash_}{heading}"

    parts = re.split(r"(^```.*?^```$)", text, flags=re.DOTALL | re.MULTILINE)
    links = r"(?P<before>\]\(|<(?:img src|source media=\"[^\"]*\" srcset)=\")(?!\w+:)(?P<target>[^)\s\"]+)"
    return "".join(part if part.startswith("```") else re.sub(links, link, part) for part in parts)


def pages() -> dict[str, bytes]:
    """The content of each file of the site, by its place."""
    repository = str(project()["repo_url"])
    files = ["README.md", *(str(path.relative_to(ROOT)) for path in sorted(DOCS.rglob("*")))]
    return {
        there: rewritten((ROOT / file).read_text(), file, repository).encode()
        if file.endswith(".md")
        else (ROOT / file).read_bytes()
        for file in files
        if (there := place(file))
    }


if __name__ == "__main__":
    folder = ROOT / str(project()["docs_dir"])
    shutil.rmtree(folder, ignore_errors=True)
    for there, content in pages().items():
        (folder / there).parent.mkdir(parents=True, exist_ok=True)
        (folder / there).write_bytes(content)
