"""Generates docs/providers.md from `oauth/providers.py` and from the tests that play these authorization servers.

    uv run python tests/support/provider_table.py > docs/providers.md

A test names the operator that it plays: `@pytest.mark.plays("Slack")`.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from mcp_auth_bridge.oauth.providers import PROVIDERS, Provider

TESTS = Path(__file__).parents[1]

HEAD = """\
# What known authorization servers need

`tests/support/provider_table.py` generates this page from `mcp_auth_bridge/oauth/providers.py`, and a test compares the
two. An operator that is not listed (Linear, Notion, Vercel, Salesforce, …) needs no configuration:
`mcp-auth-bridge login URL` is enough.

Put the keys between the braces of `auth` in `config.toml`, or after `--auth`: `auth = { kind = "browser", … }`. Replace
the words in capitals and the names that contain acme. The bridge recognises the operator by the host of its issuer or
of its endpoints, and sends what the third column lists by itself. The last column counts the tests that play the
operator.
"""

NOTHING = "none"


def document() -> str:
    """The complete text of docs/providers.md."""
    played = players()
    lines = [
        "| operator | registration | the bridge sends by itself | good to know | keys | played in |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(provider, played.get(provider.name, {})) for provider in sorted(PROVIDERS, key=lambda each: each.name)),
    ]
    return "\n".join([HEAD, *lines, ""])


def players() -> dict[str, dict[str, int]]:
    """The number of tests per file, by the operator that they play."""
    found: dict[str, dict[str, int]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        place = path.relative_to(TESTS).as_posix()
        for name in _marks(ast.parse(path.read_text())):
            files = found.setdefault(name, {})
            files[place] = files.get(place, 0) + 1
    return found


def _marks(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for mark in getattr(node, "decorator_list", ()):
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.plays":
                yield from (ast.literal_eval(argument) for argument in mark.args)


def _row(provider: Provider, played: dict[str, int]) -> str:
    hosts = [f"`{host}`" for host in provider.hosts] or [f"`{provider.path}` in its path"]
    files = [f"[{place}](../tests/{place}) {count}" for place, count in played.items()]
    cells = (
        f"**{provider.name}**<br>{'<br>'.join(hosts)}",
        provider.registration,
        ", ".join(_sent(provider)),
        provider.note,
        f"`{provider.keys}`" if provider.keys else "",
        "<br>".join(files),
    )
    return f"| {' | '.join(cell or NOTHING for cell in cells)} |"


def _sent(provider: Provider) -> Iterator[str]:
    """The effects of the flags of `provider` on the bridge, in words."""
    yield from (f"`{name}={value}`" for name, value in provider.parameters.items())
    if not provider.takes_resource:
        yield "no `resource`"
    if provider.takes_audience:
        yield "the resource as `audience` too"
    if provider.offline_access:
        yield "`offline_access`, though its metadata do not list it"
    if provider.repeats_scope:
        yield "the scopes again at each refresh"
    if provider.takes_s256:
        yield "PKCE with S256, though its metadata do not name it"


if __name__ == "__main__":
    sys.stdout.buffer.write(document().encode())
