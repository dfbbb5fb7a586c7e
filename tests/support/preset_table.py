"""Generates docs/servers.md from the presets of `catalogue/`.

uv run python tests/support/preset_table.py > docs/servers.md
"""

import sys

from mcp_auth_bridge.catalogue.preset import Preset
from mcp_auth_bridge.catalogue.presets import PRESETS

HEAD = """\
# Well-known servers

`tests/support/preset_table.py` generates this page from the presets in `mcp_auth_bridge/catalogue/`, and a test
compares the two. `mcp-auth-bridge add NAME` adds one of them, `add --search WORDS` finds one, and `add NAME URL` adds
any other server. The source is the page or the repository that names the URL, with its date. A server may have changed
since then, and its own metadata always count.
"""


def document() -> str:
    """The complete text of docs/servers.md."""
    lines = [
        "| name | server | URL | wants | source | good to know |",
        "| --- | --- | --- | --- | --- | --- |",
        *map(_row, PRESETS.values()),
    ]
    return f"{HEAD}\n" + "\n".join(lines) + "\n"


def _row(preset: Preset) -> str:
    source = f"[{preset.date}]({preset.source})"
    keys = "; ".join(f"`--set {name}={value}` unless you give another" for name, value in preset.references.items())
    values = "; ".join(f"`--set {each.name}=…`: {each.says} ({each.default})" for each in preset.remote.variables)
    known = "; ".join(filter(None, (preset.note, keys, values))) or "nothing"
    cells = (f"`{preset.name}`", preset.remote.title, f"`{preset.remote.url}`", preset.access.value, source, known)
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(document())
