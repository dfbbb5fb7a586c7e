"""The limit on tabs that the bridge opens unasked: a user who closed one, or said no, is left in peace.

One small file per server notes the tabs and outlives every process. Only the process that holds the login lock of the
server writes it.
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
"""Seconds."""

MOST_A_DAY = 3
"""Tabs."""


class _Notes(msgspec.Struct, frozen=True):
    """The content of the file."""

    # when tabs were opened, in Unix seconds
    opened: tuple[float, ...] = ()
    # whether the last tab ended in a login
    answered: bool = False
    # whether no tab may be opened before the user logs in by hand
    unwanted: bool = False


class TabLimit:
    """The limit for the server under `key`, in a file of `folder`; `now` is the clock (Unix seconds)."""

    def __init__(self, folder: Path, key: str, now: Callable[[], float]) -> None:
        self._folder = Folder(folder)
        self._name = hashed_name(key, ".tabs")
        self._now = now

    def note(self) -> None:
        """Note a tab that is about to be opened. Raises `LoginRequired` if it must not be opened.

        Raises `StoreError` if it cannot be noted: without the note, tabs would be opened again and again.
        """
        notes = self._load()
        if notes.unwanted:
            raise LoginRequired("the user logged out")
        now = self._now()
        # A tab of the future was opened before the clock was set back, so its real time is unknown.
        today = tuple(at for at in notes.opened if now - A_DAY < at <= now)
        if len(today) >= MOST_A_DAY:
            raise LoginRequired(f"a browser was opened for it {len(today)} times today")
        if today and not notes.answered and now - max(today) < PAUSE:
            raise LoginRequired("a browser was opened for it a few minutes ago")
        self._save(_Notes((*today, now)))

    def take_back(self) -> None:
        """Remove the note of the last tab, which was not opened after all."""
        with contextlib.suppress(StoreError):  # then the next tab comes later
            notes = self._load()
            self._save(_Notes(notes.opened[:-1], unwanted=notes.unwanted))

    def record_login(self) -> None:
        """Note that the last tab ended in a login, so that a tab for more scopes may follow at once."""
        with contextlib.suppress(StoreError):  # then the next tab comes later
            self._save(_Notes(self._load().opened, answered=True))

    def forbid(self) -> None:
        """Allow no tab until `forget`, because the user ended this login on purpose."""
        with contextlib.suppress(StoreError):  # the login is gone, and that is what counts
            self._save(_Notes(self._load().opened, unwanted=True))

    def forget(self) -> None:
        """Remove all notes, because the user logs in by hand."""
        with contextlib.suppress(StoreError):  # there was no note
            self._folder.remove(self._name)

    def _load(self) -> _Notes:
        try:
            return msgspec.convert(json.loads(self._folder.read(self._name) or b"{}"), _Notes)
        except (ValueError, msgspec.ValidationError):
            return _Notes()  # a damaged file counts as an empty one

    def _save(self, notes: _Notes) -> None:
        self._folder.write(self._name, msgspec.json.encode(notes), f"{self._name}.{os.urandom(6).hex()}")
