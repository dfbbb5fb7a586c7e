"""The contract of every store: it keeps sealed records by key, and knows nothing about tokens."""

from typing import Protocol

import msgspec

from mcp_auth_bridge.errors import StoreError


class Record(msgspec.Struct, frozen=True):
    """The content of a store under one key.

    `generation` grows by one with each save and is never used again for its key, not even after a delete: a process
    with the generation of a login that was replaced always loses the compare-and-swap.
    """

    generation: int
    secret: str

    def __repr__(self) -> str:
        return f"Record(generation={self.generation})"


_LINE = 1 << 20
"""The span of generations within one login: more than it ever uses, and far fewer than lie between two logins."""


def is_older(generation: int, other: int) -> bool:
    """Whether `generation` came before `other` in the life of one login; generations of another login are far away."""
    return 0 < other - generation < _LINE


class Stale(Exception):
    """A compare-and-swap lost: another process saved or deleted meanwhile. Load again and decide anew."""


class Store(Protocol):
    """Every method may raise `StoreError`; none returns a wrong result in place of an error."""

    def load(self, key: str) -> Record | None:
        """The newest intact record, or None if there never was one or it was deleted."""

    def save(self, key: str, secret: str, expected: int | None) -> int:
        """Save if the stored generation is `expected` (None: there is no record); return the new generation.

        Raises `Stale` if it is another one. After the return the record survives the end of the process.
        """

    def reserve(self, key: str) -> None:
        """Set space aside for one `save` over the record under `key` on a full disk. Raises `StoreError`."""

    def put_back(self, key: str, record: Record) -> None:
        """Store `record` again under its own generation, in place of an older or a damaged one.

        For a process that still holds a record which a backup or a synchronisation has undone. Raises `Stale` if the
        stored record is as new, and `StoreError` if there is proof that a newer one was stored.
        """

    def delete(self, key: str, expected: int) -> bool:
        """Delete if the stored generation is `expected`. Returns whether it was deleted."""

    def discard(self, key: str) -> bool:
        """Delete a damaged record: its generation cannot be known. Returns whether it was damaged.

        Raises what `load` raises for any other reason.
        """

    def keys(self) -> list[str]:
        """The keys of all records that can be opened, sorted."""

    def unreadable(self) -> list[StoreError]:
        """One error for each record that `keys` had to leave out, for `status` to show."""
