"""The selector of the loop on Linux: epoll with a third of the work that `selectors.EpollSelector` does for each event.

A call waits twice, and nearly always one descriptor is ready then, to be read.
"""

import select
from collections.abc import Mapping
from contextlib import suppress
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector, SelectorKey
from typing import Any, Protocol, TypeAlias


class _HasFileno(Protocol):
    def fileno(self) -> int: ...


_Descriptor: TypeAlias = int | _HasFileno
_Ready: TypeAlias = tuple[SelectorKey, int]

_IN, _OUT = select.EPOLLIN, select.EPOLLOUT


class EpollSelector(BaseSelector):
    """What `BaseSelector` promises. Any: the data are the caller's own."""

    def __init__(self) -> None:
        # The kernel's part.
        self._epoll = select.epoll()
        # The keys by descriptor.
        self._keys: dict[_Descriptor, SelectorKey] = {}
        # What is reported of a descriptor that can be read, and for which nothing else has to be said.
        self._readable: dict[int, _Ready] = {}

    def register(self, fileobj: _Descriptor, events: int, data: Any = None) -> SelectorKey:
        fd = _descriptor(fileobj)
        if fd in self._keys:
            raise KeyError(f"{fileobj!r} is already registered")
        self._epoll.register(fd, _mask(events))
        return self._keep(SelectorKey(fileobj, fd, events, data))

    def unregister(self, fileobj: _Descriptor) -> SelectorKey:
        fd = _descriptor(fileobj)
        key = self._keys.pop(fd)
        self._readable.pop(fd, None)
        with suppress(OSError):  # it was closed in the meantime
            self._epoll.unregister(fd)
        return key

    def modify(self, fileobj: _Descriptor, events: int, data: Any = None) -> SelectorKey:
        fd = _descriptor(fileobj)
        if events != self._keys[fd].events:
            try:
                self._epoll.modify(fd, _mask(events))
            except OSError:  # it was closed in the meantime: its number is free for another one
                self.unregister(fd)
                raise
        return self._keep(SelectorKey(fileobj, fd, events, data))

    def select(self, timeout: float | None = None) -> list[_Ready]:
        """The keys that are ready, and for what. `timeout` is in seconds, and not negative; None waits for any time."""
        ready = []
        for fd, event in self._epoll.poll(timeout, len(self._keys) or 1):
            if event == _IN and fd in self._readable:
                ready.append(self._readable[fd])
            elif fd in self._keys:  # the kernel may report what was closed, if another process has it open
                # The reader and the writer both meet an end or an error.
                events = (EVENT_WRITE if event & ~_IN else 0) | (EVENT_READ if event & ~_OUT else 0)
                key = self._keys[fd]
                ready.append((key, events & key.events))
        return ready

    def close(self) -> None:
        self._epoll.close()
        self._keys.clear()
        self._readable.clear()

    def get_key(self, fileobj: _Descriptor) -> SelectorKey:
        return self._keys[_descriptor(fileobj)]

    def get_map(self) -> Mapping[_Descriptor, SelectorKey]:
        """The keys by descriptor."""
        return self._keys

    def _keep(self, key: SelectorKey) -> SelectorKey:
        self._keys[key.fd] = key
        if key.events & EVENT_READ:
            self._readable[key.fd] = key, EVENT_READ
        else:
            self._readable.pop(key.fd, None)
        return key


def _descriptor(fileobj: _Descriptor) -> int:
    return fileobj if isinstance(fileobj, int) else fileobj.fileno()


def _mask(events: int) -> int:
    return (_IN if events & EVENT_READ else 0) | (_OUT if events & EVENT_WRITE else 0)
