"""The limit on logins that the bridge begins unasked: a user who closed a tab, or said no, is left in peace.

One small file per server notes these logins and outlives every process. Only the process that holds the login lock of
the server writes it. So where that process finds a login without an end, the one that began it died, and its tab leads
to a closed port. Where no tab is opened, the file tells the other processes the address at which the login begins.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import msgspec

from mcp_auth_bridge.errors import LoginRequired, StoreError
from mcp_auth_bridge.stores.folder import Folder, hashed_name

PAUSE = 600.0
"""Seconds between two tabs."""

A_DAY = 86400.0
"""Seconds."""

MOST_A_DAY = 3
"""Tabs."""

MOST_ADDRESSES = 20
"""Logins without a tab in a day. They disturb no user, but each may register a client at the authorization server."""


class _Notes(msgspec.Struct, frozen=True):
    """The content of the file."""

    # when tabs were opened, in Unix seconds
    opened: tuple[float, ...] = ()
    # when logins without a tab began, in Unix seconds
    shown: tuple[float, ...] = ()
    # how the last login ended: "open" until its process notes an end, or if it could not reach the server
    outcome: Literal["open", "login", "none"] = "none"
    # the address at which the login under way without a tab begins, "" for none
    address: str = ""
    # whether no login may begin before the user logs in by hand
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
        notes = self._load_wanted()
        today = self._of_today(notes.opened)
        if len(today) >= MOST_A_DAY:
            raise LoginRequired(f"the bridge opened a browser for it {len(today)} times today")
        if today and notes.outcome == "none" and self._now() - max(today) < PAUSE:
            raise LoginRequired("the bridge opened a browser for it a few minutes ago")
        self._save(_Notes((*today, self._now()), notes.shown, "open"))

    def note_address(self) -> None:
        """Note a login that is about to begin without a tab. Raises as `note` does."""
        notes = self._load_wanted()
        today = self._of_today(notes.shown)
        if len(today) >= MOST_ADDRESSES:
            raise LoginRequired(f"the bridge began {len(today)} logins to it today")
        self._save(_Notes(notes.opened, (*today, self._now()), "open"))

    def publish(self, address: str) -> None:
        """Note the `address` of the login under way for the other processes."""
        with contextlib.suppress(StoreError):  # then they wait for it, and cannot say where it is
            self._save(msgspec.structs.replace(self._load(), address=address))

    @property
    def address(self) -> str:
        """The address at which another process's login begins, "" if there is none or a tab was opened for it."""
        with contextlib.suppress(StoreError):
            return self._load().address
        return ""

    @property
    def is_orphaned(self) -> bool:
        """Whether the last login has no end. For the holder of the login lock: its process died."""
        return self._load().outcome == "open"

    def take_back(self) -> None:
        """Remove the note of the last tab, which was not opened after all."""
        with contextlib.suppress(StoreError):  # then the next tab comes later
            notes = self._load()
            self._save(_Notes(notes.opened[:-1], notes.shown, "open", unwanted=notes.unwanted))

    def record_login(self) -> None:
        """Note that the last login succeeded, so that a tab for more scopes may follow at once."""
        self._record("login")

    def record_end(self) -> None:
        """Note that the last login ended without success, so that the next tab waits for its time."""
        self._record("none")

    def _record(self, outcome: Literal["login", "none"]) -> None:
        with contextlib.suppress(StoreError):  # then the next tab comes later, or one comes too many
            notes = self._load()
            self._save(_Notes(notes.opened, notes.shown, outcome, unwanted=notes.unwanted))

    def forbid(self) -> None:
        """Allow no login until `forget`, because the user ended this one on purpose."""
        with contextlib.suppress(StoreError):  # the login is gone, and that is what counts
            notes = self._load()
            self._save(_Notes(notes.opened, notes.shown, unwanted=True))

    def forget(self) -> None:
        """Remove all notes, because the user logs in by hand."""
        with contextlib.suppress(StoreError):  # there was no note
            self._folder.remove(self._name)

    def _of_today(self, times: Iterable[float]) -> tuple[float, ...]:
        now = self._now()
        # A time in the future is from before the clock was set back, so the real one is unknown.
        return tuple(at for at in times if now - A_DAY < at <= now)

    def _load_wanted(self) -> _Notes:
        notes = self._load()
        if notes.unwanted:
            raise LoginRequired("the user logged out")
        return notes

    def _load(self) -> _Notes:
        try:
            return msgspec.convert(json.loads(self._folder.read(self._name) or b"{}"), _Notes)
        except (ValueError, msgspec.ValidationError):
            return _Notes()  # a damaged file counts as an empty one

    def _save(self, notes: _Notes) -> None:
        self._folder.write(self._name, msgspec.json.encode(notes), f"{self._name}.{os.urandom(6).hex()}")
