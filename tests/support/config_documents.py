"""Generates docs/configuration.md and docs/config.schema.json from the types that read `config.toml`.

uv run python tests/support/config_documents.py
"""

from pathlib import Path

from mcp_auth_bridge.reference.config_page import config_page
from mcp_auth_bridge.reference.config_schema import schema_text

DOCS = Path(__file__).parents[2] / "docs"


def documents() -> dict[Path, str]:
    """The text of each document by its path."""
    return {DOCS / "configuration.md": config_page(), DOCS / "config.schema.json": schema_text()}


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text)
