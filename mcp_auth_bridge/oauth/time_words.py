"""Moments in words for people: how long ago one was, and how long one is away. All times are in Unix seconds."""

from datetime import UTC, datetime

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def ago(moment: float, now: float) -> str:
    """How long ago a `moment` was, and when that was: `3 days ago (2026-11-27 02:42 UTC)`."""
    return f"{span(now - moment)} ago ({_date(moment)})"


def ahead(moment: float, now: float) -> str:
    """How far away a `moment` is, and when that is: `for 52 more minutes (until 2026-11-27 02:42 UTC)`."""
    count, unit = span(moment - now).split(" ", 1)
    return f"for {count} more {unit} (until {_date(moment)})"


def span(seconds: float) -> str:
    """`seconds` in words, rounded down, in the largest unit that fits twice."""
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= 2 * size), _UNITS[-1])
    count = int(seconds // size)
    return f"{count} {unit}{'' if count == 1 else 's'}"


def timestamp(moment: float) -> str:
    """A `moment` for programs: RFC 3339, in UTC, with whole seconds."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _date(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
