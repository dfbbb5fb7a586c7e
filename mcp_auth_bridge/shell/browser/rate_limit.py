"""How often this machine opens a tab by itself: a person who closed one, or said no, is left in peace.

What was opened is a small file that outlives every process; whoever holds the login lock of its server writes it.
"""

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from mcp_auth_bridge.errors import LoginRequired, StoreError
from mcp_auth_bridge.stores.folder import Folder, hashed_name

PAUSE = 600.0
"""Seconds between two tabs."""

A_DAY = 86400.0
MOST_A_DAY = 3


class _Notes(msgspec.Struct, frozen=True):
    """When tabs were opened (Unix seconds), whether the last one ended in a login, and whether none may be opened until
    a person logs in by hand.
    """

    opened: tuple[float, ...] = ()
    answered: bool = False
    unwanted: bool = False


class TabLimit:
    """The tabs of the server under `key`; `now` is the clock (Unix seconds)."""

    def __init__(self, folder: Path, key: str, now: Callable[[], float]) -> None:
        self._folder = Folder(folder)
        self._name = hashed_name(key, ".tabs")
        self._now = now

    def note(self) -> None:
        """One more tab is about to be opened. Raises `LoginRequired` if it must not.

        Raises `StoreError` if that cannot be noted: what nobody remembers would be opened again and again.
        """
        notes = self._load()
        if notes.unwanted:
            raise LoginRequired("somebody logged out")
        now = self._now()
        # A tab of the future was opened before the clock was set back: nobody knows when.
        today = tuple(at for at in notes.opened if now - A_DAY < at <= now)
        if len(today) >= MOST_A_DAY:
            raise LoginRequired(f"a browser was opened for it {len(today)} times today")
        if today and not notes.answered and now - max(today) < PAUSE:
            raise LoginRequired("a browser was opened for it a few minutes ago")
        self._save(_Notes((*today, now)))

    def take_back(self) -> None:
        """The tab that was noted last was not opened after all."""
        with contextlib.suppress(StoreError):  # then the next one comes later
            notes = self._load()
            self._save(_Notes(notes.opened[:-1], unwanted=notes.unwanted))

    def answered(self) -> None:
        """A person signed in by the tab that was noted last: one that asks for more may follow at once."""
        with contextlib.suppress(StoreError):  # then the next one comes later
            self._save(_Notes(self._load().opened, answered=True))

    def unwanted(self) -> None:
        """No tab until `forget`: a person ended this login on purpose."""
        with contextlib.suppress(StoreError):  # the login is gone, and that is what counts
            self._save(_Notes(self._load().opened, unwanted=True))

    def forget(self) -> None:
        """A person logs in by hand, so tabs are welcome again."""
        with contextlib.suppress(StoreError):  # there was nothing
            self._folder.remove(self._name)

    def _load(self) -> _Notes:
        try:
            return msgspec.convert(json.loads(self._folder.read(self._name) or b"{}"), _Notes)
        except (ValueError, msgspec.ValidationError):
            return _Notes()  # a damaged file says nothing

    def _save(self, notes: _Notes) -> None:
        self._folder.write(self._name, msgspec.json.encode(notes), f"{self._name}.{os.urandom(6).hex()}")
