"""The fenced code blocks of the documents. An HTML comment in the line before a block is its mark."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


class Block(NamedTuple):
    """One block; `language` and `mark` are "" if the document gives none."""

    mark: str
    language: str
    text: str


def blocks(document: str) -> list[Block]:
    found = re.findall(
        r"^(?:<!-- (.+?) -->\n)?```(\w*)\n(.*?)^```$", (ROOT / document).read_text(), re.DOTALL | re.MULTILINE
    )
    return [Block(*each) for each in found]


def block(document: str, mark: str) -> str:
    """The text of the only block with that mark."""
    (found,) = [each.text for each in blocks(document) if each.mark == mark]
    return found
