"""The metrics, their goals, and the table of results."""

import statistics
from collections.abc import Callable, Iterable, Mapping

import msgspec
from starting import KEY_FILE, KEYRING

PEER = "mcp-remote"
OTHERS = ("fastmcp-remote", "mcp-proxy", "direct")

Values = Mapping[str, Mapping[str, list[float]]]
"""Samples by metric, then by contestant."""


class Ratio(msgspec.Struct, frozen=True):
    """A ratio to mcp-remote: at most `limit`, or at least `limit` if more is better."""

    limit: float
    more_is_better: bool = False

    def __str__(self) -> str:
        return f"{'≥' if self.more_is_better else '≤'} {self.limit:g}"

    def met(self, ours: float, theirs: float | None) -> bool | None:
        if theirs is None:
            return None
        return ours >= self.limit * theirs if self.more_is_better else ours <= self.limit * theirs


class AtMost(msgspec.Struct, frozen=True):
    """An absolute limit for our number, regardless of the others."""

    limit: float
    shown: str

    def __str__(self) -> str:
        return f"≤ {self.shown}"

    def met(self, ours: float, theirs: float | None) -> bool | None:
        return ours <= self.limit


class Unit(msgspec.Struct, frozen=True):
    name: str
    scale: float
    digits: int

    def show(self, value: float) -> str:
        return f"{value * self.scale:,.{self.digits}f}{self.name}"


MS = Unit(" ms", 1e3, 0)
FINE_MS = Unit(" ms", 1e3, 2)
SECONDS = Unit(" s", 1, 2)
MB = Unit(" MB", 1e-6, 1)
KB = Unit(" KB", 1e-3, 1)
A_SECOND = Unit("/s", 1, 0)
PLAIN = Unit("", 1, 0)
FINE = Unit("", 1, 2)
TIMES = Unit(" x", 1, 1)


class Metric(msgspec.Struct, frozen=True):
    """`ours` names the contestant in our column; `summary` reduces the rounds to one number."""

    family: str
    key: str
    title: str
    unit: Unit
    goal: Ratio | AtMost | None = None
    ours: str = "ours"
    summary: Callable[[Iterable[float]], float] = statistics.median


def _metrics() -> tuple[Metric, ...]:
    return (
        Metric("start", "start", "cold start, static token", MS, Ratio(0.30)),
        Metric("start", "start", "cold start, login sealed by a key file", MS, Ratio(0.40), KEY_FILE),
        Metric("start", "start", "cold start, login sealed by the OS keyring", MS, Ratio(0.60), KEYRING),
        Metric("start", "start_requests", "HTTP requests before the answer", PLAIN, AtMost(1, "1")),
        Metric("far", "start_far", "cold start, TLS, 40 ms away", MS, Ratio(0.30)),
        Metric("idle", "pause", "first call after a pause, TLS, 40 ms away", MS, Ratio(0.32), summary=min),
        Metric("idle", "pause_connections", "new connections for it", PLAIN, AtMost(0, "0"), summary=max),
        Metric("latency", "json_p50", "added latency, JSON, p50", FINE_MS, Ratio(0.40)),
        Metric("latency", "json_p99", "added latency, JSON, p99", FINE_MS, Ratio(0.25)),
        Metric("latency", "sse_p50", "added latency, SSE, p50", FINE_MS, Ratio(0.40)),
        Metric("latency", "sse_p99", "added latency, SSE, p99", FINE_MS, Ratio(0.25)),
        Metric("latency", "json_cpu", "processor time a call, JSON", FINE_MS, Ratio(0.30)),
        Metric("latency", "sse_cpu", "processor time a call, SSE", FINE_MS, Ratio(0.30)),
        Metric("rate", "rate_1", "calls a second, 1 in flight", A_SECOND, Ratio(3, more_is_better=True)),
        Metric("rate", "rate_16", "calls a second, 16 in flight", A_SECOND, Ratio(4, more_is_better=True)),
        Metric("rate", "rate_64", "calls a second, 64 in flight", A_SECOND, Ratio(4, more_is_better=True)),
        Metric("rate", "rate_256", "calls a second, 256 in flight", A_SECOND, Ratio(4, more_is_better=True)),
        Metric("notifications", "notifications", "notifications a second", A_SECOND, Ratio(4, more_is_better=True)),
        Metric(
            "notifications", "notifications_lost", "notifications lost or misplaced", PLAIN, AtMost(0, "0"), summary=max
        ),
        Metric("memory", "memory_idle", "memory, idle", MB, Ratio(0.40)),
        Metric("memory", "memory_busy", "memory after 10,000 calls", MB, Ratio(0.20)),
        Metric("memory", "memory_growth", "growth in 1,000 calls", KB, AtMost(50e3, "50 KB")),
        *(_big(kind, size, goal) for (kind, size), goal in _BIG.items()),
        *(_peak(kind, size) for kind in ("json", "sse") for size in (10, 50)),
        Metric("beside", "beside_big", "a call beside a 10 MB result, p50", FINE_MS, Ratio(0.25)),
        Metric("beside", "beside_big_worst", "a call beside a 10 MB result, worst", MS, Ratio(0.25)),
        Metric("beside", "beside_slow", "a call beside a 2 s call, to one alone", TIMES, AtMost(1.25, "1.25 x")),
        Metric("idle", "wake_ups", "wake-ups a second, idle", FINE, AtMost(0, "0")),
        Metric("size", "size", "installed size", MB),
        Metric("size", "packages", "installed packages", PLAIN),
    )


_BIG = {
    ("json", 1): None,
    ("json", 10): None,
    ("json", 50): Ratio(0.40),
    ("sse", 1): None,
    ("sse", 10): Ratio(0.08),
    ("sse", 50): None,
}


def _big(kind: str, size: int, goal: Ratio | None) -> Metric:
    shape = "JSON" if kind == "json" else "an SSE event"
    return Metric("bulk", f"big_{kind}_{size}", f"{size} MB result as {shape}", MS, goal)


def _peak(kind: str, size: int) -> Metric:
    title = f"peak memory over base, {size} MB as {kind.upper()}"
    return Metric("bulk", f"big_{kind}_{size}_peak", title, TIMES, AtMost(3, "3 x the message"))


METRICS = _metrics()


def markdown(values: Values) -> str:
    """The table, with one line per measured metric."""
    head = ["metric", "ours", PEER, "ratio", "goal", "", *OTHERS]
    rows = [
        head,
        ["---"] * len(head),
        *(_row(metric, values[metric.key]) for metric in METRICS if metric.key in values),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join("| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows)


def as_json(values: Values) -> list[dict[str, object]]:
    """JSON for programs: every metric with its summary and its samples."""
    return [
        {
            "metric": metric.title,
            "goal": str(metric.goal or ""),
            "outcome": outcome(metric, values[metric.key]),
            "summaries": {name: metric.summary(samples) for name, samples in values[metric.key].items() if samples},
            "samples": values[metric.key],
            "ours": metric.ours,
        }
        for metric in METRICS
        if metric.key in values
    ]


def outcome(metric: Metric, samples: Mapping[str, list[float]]) -> str:
    """`ok` or `missed`; empty without a goal or without a peer for the comparison."""
    ours, theirs = _summary(metric, samples, metric.ours), _summary(metric, samples, PEER)
    met = metric.goal.met(ours, theirs) if metric.goal and ours is not None else None
    return {True: "ok", False: "missed", None: ""}[met]


def _row(metric: Metric, samples: Mapping[str, list[float]]) -> list[str]:
    ours, theirs = _summary(metric, samples, metric.ours), _summary(metric, samples, PEER)
    ratio = f"{ours / theirs:.2f}" if ours is not None and theirs else "-"
    others = (_summary(metric, samples, name) for name in OTHERS)
    goal = str(metric.goal or "")
    shown = [_shown(metric, value) for value in (ours, theirs, *others)]
    return [metric.title, *shown[:2], ratio, goal, outcome(metric, samples), *shown[2:]]


def _summary(metric: Metric, samples: Mapping[str, list[float]], name: str) -> float | None:
    return metric.summary(samples[name]) if samples.get(name) else None


def _shown(metric: Metric, value: float | None) -> str:
    return "-" if value is None else metric.unit.show(value)
