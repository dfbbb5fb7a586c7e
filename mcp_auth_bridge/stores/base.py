"""The contract of every store: sealed records by key. A store knows nothing about tokens."""

from typing import Protocol

import msgspec

from mcp_auth_bridge.errors import StoreError


class Record(msgspec.Struct, frozen=True):
    """What a store holds under one key.

    `generation` grows by one with each save and is never used again for its key, not even after a delete: whoever
    holds the generation of a login that was replaced always loses the compare-and-swap.
    """

    generation: int
    secret: str

    def __repr__(self) -> str:
        return f"Record(generation={self.generation})"


_LINE = 1 << 20
"""Saves of one login: more than it sees in its life, and far less than the distance between two logins' beginnings."""


def is_older(generation: int, other: int) -> bool:
    """Whether `generation` came before `other` in the life of one login; another login's are far away."""
    return 0 < other - generation < _LINE


class Stale(Exception):
    """A compare-and-swap lost: somebody else saved or deleted in between. Load again and decide anew."""


class Store(Protocol):
    """Every method may raise `StoreError`; none ever returns a wrong answer in place of an error."""

    def load(self, key: str) -> Record | None:
        """The newest intact record, or None if there never was one or it was deleted."""

    def save(self, key: str, secret: str, expected: int | None) -> int:
        """Write if the stored generation is `expected` (None: there is no record); return the new generation.

        Raises `Stale` when it is another. After a return the record survives the death of the process.
        """

    def reserve(self, key: str) -> None:
        """Set space aside for one `save` over the record under `key` on a full disk. Raises `StoreError`."""

    def put_back(self, key: str, record: Record) -> None:
        """Store `record` again under its own generation, in place of an older or a damaged one.

        For whoever holds what a backup or a synchronisation has undone. Raises `Stale` if what is stored is as new, and
        `StoreError` where there is proof that something newer was.
        """

    def delete(self, key: str, expected: int) -> bool:
        """Delete if the stored generation is `expected`; whether it was deleted."""

    def discard(self, key: str) -> bool:
        """Delete a record that is damaged, so that nobody knows its generation; whether it was.

        Raises what `load` raises for any other reason.
        """

    def keys(self) -> list[str]:
        """The keys of all records that can be opened, sorted."""

    def unreadable(self) -> list[StoreError]:
        """One error for each record that `keys` had to leave out: a status must not hide it."""
