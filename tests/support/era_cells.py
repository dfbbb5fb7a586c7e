"""What becomes of each feature between two eras: "same", "translated" or "cannot, because".

A cell is decided by observation: a client that sees through the bridge what it sees of a complete server of its own
era, met directly, has lost nothing. Everything else needs a reason of `REASONS`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

FEATURES = {
    "tools": "tools",
    "resources": "resources",
    "prompts": "prompts",
    "completion": "completion",
    "elicitation_form": "elicitation, form",
    "elicitation_url": "elicitation, URL",
    "sampling": "sampling",
    "roots": "roots",
    "progress": "progress",
    "cancellation": "cancellation",
    "subscriptions": "subscriptions",
    "list_changes": "list changes",
    "logging": "logging",
    "pagination": "pagination",
    "tasks": "tasks",
}
MODERN = "2026-07-28"
_NO_TASK = "the server makes no task"
LEGACY_ERA, MODERN_ERA = "legacy", "modern"


@dataclass(frozen=True)
class Way:
    """One feature on its way: the eras that the client and the server speak, and what the client saw."""

    feature: str
    server: str
    here: str
    there: str
    saw: Mapping[str, Any]


@dataclass(frozen=True)
class Reason:
    # The letter in the table.
    letter: str
    # What follows "cannot, because".
    because: str
    explains: Callable[[Way], bool]
    # Whether the SDKs are the reason, and another SDK would do.
    is_sdk: bool = False


REASONS = (
    Reason(
        "a",
        "tasks of 2025-11-25 and the Tasks extension of 2026-07-28 are two protocols",
        lambda way: way.here != way.there and way.saw.get("absent") in ("the server declares no tasks", _NO_TASK),
    ),
    Reason(
        "b",
        "this client's SDK has no tasks",
        lambda way: way.saw.get("absent") == "the client has no tasks",
        is_sdk=True,
    ),
    Reason(
        "c",
        "this server's SDK has no tasks",
        lambda way: way.server.endswith("SDK 2, dual") and way.saw.get("absent") == "the server declares no tasks",
        is_sdk=True,
    ),
)


@dataclass(frozen=True)
class Cell:
    # "same", "translated", "cannot, because (x)", or "" for a cell that nothing explains.
    verdict: str
    reason: Reason | None
    saw: Mapping[str, Any]
    expected: Mapping[str, Any]
    # The eras of the client and of the server: "legacy to modern".
    combination: str


def cells(
    server: str, seen: Mapping[str, Mapping[str, Any]], references: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> dict[str, Cell]:
    """Judges what one client saw of `server`. `references`: revision → what it sees of a complete server.

    A client that did not connect, or did not learn which revision the server was spoken to in, has empty verdicts.
    """
    revisions = seen.get("revisions", {})
    here, there = era(revisions.get("here")), era(revisions.get("there"))
    expected = next((found for revision, found in references.items() if era(revision) == here), {})
    nothing = seen.get("connection", {"raised": "no line"})
    found = {}
    for feature in FEATURES:
        way = Way(feature, server, here, there, seen.get(feature, nothing))
        found[feature] = _cell(way, expected.get(feature, {}))
    return found


def era(revision: Any) -> str:
    """The era of a revision; "" if it is not one."""
    if not isinstance(revision, str):
        return ""
    return MODERN_ERA if revision >= MODERN else LEGACY_ERA


def _cell(way: Way, expected: Mapping[str, Any]) -> Cell:
    combination = f"{way.here} to {way.there}"
    if way.here and way.there and way.saw == expected and "absent" not in way.saw:
        verdict = "same" if way.here == way.there else "translated"
        return Cell(verdict, None, way.saw, expected, combination)
    reason = next((each for each in REASONS if each.explains(way)), None)
    verdict = f"cannot, because ({reason.letter})" if reason else ""
    return Cell(verdict, reason, way.saw, expected, combination)


Matrix = Mapping[tuple[str, str], Mapping[str, Cell]]
"""(client, server) → feature → cell."""

COMBINATIONS = ("legacy to legacy", "legacy to modern", "modern to legacy", "modern to modern")


def tables(matrix: Matrix) -> str:
    """The tables of docs/eras.md: the four combinations, then every client with every server."""
    clients = list(dict.fromkeys(client for client, _ in matrix))
    servers = list(dict.fromkeys(server for _, server in matrix))
    parts = [_combinations(matrix), _reasons(matrix)]
    groups: dict[str, list[str]] = {}
    for client in clients:
        rows = [
            _row(FEATURES[feature], (matrix[client, server][feature].verdict for server in servers))
            for feature in FEATURES
        ]
        rows.append(_row("*spoken*", (_spoken(matrix[client, server]) for server in servers)))
        groups.setdefault("\n".join([_head("", servers), *rows]), []).append(client)
    parts += [f"### Clients: {'; '.join(names)}\n\n{table}" for table, names in groups.items()]
    return "\n\n".join(parts) + "\n"


def documented(text: str) -> dict[tuple[str, str], dict[str, str]]:
    """(client, server) → feature → verdict, as the tables of `text` have them."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    names = {name: feature for feature, name in FEATURES.items()}
    for part in text.split("### Clients: ")[1:]:
        heading, _, table = part.partition("\n\n")
        head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.strip().splitlines()]
        for client in heading.split("; "):
            for column, server in enumerate(head[1:], start=1):
                found[client, server] = {names[row[0]]: row[column] for row in rows if row[0] in names}
    return found


def unexplained(matrix: Matrix) -> list[str]:
    """A line for every cell that is neither same nor translated and for which there is no reason."""
    return [
        f"{client} → {server}, {cell.combination}: {feature}: saw {cell.saw}, expected {cell.expected}"
        for (client, server), found in matrix.items()
        for feature, cell in found.items()
        if not cell.verdict
    ]


def _combinations(matrix: Matrix) -> str:
    rows = [_head("feature", COMBINATIONS)]
    for feature, name in FEATURES.items():
        everything = [found[feature] for found in matrix.values()]
        rows.append(
            _row(name, (_together(cell for cell in everything if cell.combination == each) for each in COMBINATIONS))
        )
    return "\n".join(rows)


def _together(found: Iterable[Cell]) -> str:
    """The one verdict of several pairs; a feature that an SDK lacks says nothing about the others."""
    every = list(found)
    telling = [cell for cell in every if not (cell.reason and cell.reason.is_sdk)] or every
    return " / ".join(sorted({cell.verdict for cell in telling}, reverse=True))


def _reasons(matrix: Matrix) -> str:
    used = {cell.reason for found in matrix.values() for cell in found.values() if cell.reason}
    return "\n".join(f"- ({each.letter}) {each.because}" for each in REASONS if each in used)


def _spoken(found: Mapping[str, Cell]) -> str:
    return next(iter(found.values())).combination


def _head(first: str, names: Iterable[str]) -> str:
    columns = list(names)
    return f"{_row(first, columns)}\n{_row('---', ['---'] * len(columns))}"


def _row(first: str, cells_of_it: Iterable[str]) -> str:
    return f"| {' | '.join([first, *cells_of_it])} |"
