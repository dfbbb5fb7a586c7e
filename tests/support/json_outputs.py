"""The documents that commands print with `--json`, and their schema.

python json_outputs.py    writes docs/json-output.schema.json anew
"""

import json
from pathlib import Path

import msgspec

from mcp_auth_bridge.commands.add import ListedPreset
from mcp_auth_bridge.commands.client_choice import ListedClient
from mcp_auth_bridge.commands.install import PlannedChange
from mcp_auth_bridge.commands.key import KeyDocument
from mcp_auth_bridge.commands.list_servers import ListedServer
from mcp_auth_bridge.commands.migrate import MigratedEntry
from mcp_auth_bridge.commands.status import ServerStatus
from mcp_auth_bridge.commands.token import TokenDocument

FILE = Path(__file__).parents[2] / "docs" / "json-output.schema.json"

OUTPUTS = {
    "list": list[ListedServer],
    "status": list[ServerStatus],
    "add --search": list[ListedPreset],
    "install": list[ListedClient],
    "install --dry-run": list[PlannedChange],
    "install --migrate": list[MigratedEntry],
    "token": TokenDocument,
    "key": KeyDocument,
}
"""The type of the document that a command prints, for the documents of the bridge itself."""


def schema():
    """The schema: one definition for each command, under the command's words."""
    schemas, definitions = msgspec.json.schema_components(OUTPUTS.values(), ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What mcp-auth-bridge prints with --json, by command",
        "$defs": {**dict(zip(OUTPUTS, schemas, strict=True)), **definitions},
    }


def written():
    """The schema as the file has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
