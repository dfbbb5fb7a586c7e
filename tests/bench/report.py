"""The metrics, their goals, and the tables of results."""

import statistics
from collections.abc import Callable, Iterable, Mapping

import msgspec
from starting import KEY_FILE, KEYRING

PEER = "mcp-remote"
DIRECT = "direct"
OTHERS = ("fastmcp-remote", "mcp-proxy", "mcp-stdio")

Samples = Mapping[str, Mapping[int, float]]
"""The figures of one metric by contestant, then by round."""

Values = Mapping[str, Samples]
"""The samples by metric."""

Summary = Callable[[Iterable[float]], float]


class Ratio(msgspec.Struct, frozen=True):
    """A ratio to another contestant: at most `limit`, or at least `limit` if more is better."""

    limit: float
    to: str = PEER
    more_is_better: bool = False

    def __str__(self) -> str:
        return f"{'≥' if self.more_is_better else '≤'} {self.limit:g} × {self.to}"

    def measured(self, metric: "Metric", samples: Samples) -> float | None:
        return ratio(metric, samples, self.to)

    def met(self, measured: float) -> bool:
        return measured >= self.limit if self.more_is_better else measured <= self.limit

    def show(self, measured: float, unit: "Unit") -> str:
        return f"{measured:.{2 if measured < 10 else 1}f}"


class AtMost(msgspec.Struct, frozen=True):
    """An absolute limit for our number, regardless of the others."""

    limit: float
    shown: str

    def __str__(self) -> str:
        return f"≤ {self.shown}"

    def measured(self, metric: "Metric", samples: Samples) -> float | None:
        return summarised(metric, samples, metric.ours)

    def met(self, measured: float) -> bool:
        return measured <= self.limit

    def show(self, measured: float, unit: "Unit") -> str:
        return unit.show(measured)


Goal = Ratio | AtMost


class Unit(msgspec.Struct, frozen=True):
    name: str
    scale: float
    digits: int

    def show(self, value: float) -> str:
        return f"{value * self.scale:,.{self.digits}f}{self.name}"


MS = Unit(" ms", 1e3, 0)
FINE_MS = Unit(" ms", 1e3, 2)
US = Unit(" µs", 1e6, 0)
FINE_US = Unit(" µs", 1e6, 1)
MB = Unit(" MB", 1e-6, 1)
KB = Unit(" KB", 1e-3, 1)
A_SECOND = Unit("/s", 1, 0)
PLAIN = Unit("", 1, 0)
FINE = Unit("", 1, 2)
TIMES = Unit(" ×", 1, 1)
THOUSAND = Unit(" k", 1e-3, 0)
MILLION = Unit(" M", 1e-6, 0)


class Metric(msgspec.Struct, frozen=True):
    """`ours` names the contestant in our column; `summary` reduces the rounds to one number."""

    key: str
    title: str
    unit: Unit
    goals: tuple[Goal, ...] = ()
    ours: str = "ours"
    summary: Summary = statistics.median


def _less(limit: float, to: str = PEER) -> tuple[Goal, ...]:
    return (Ratio(limit, to),)


def _more(limit: float, to: str = PEER) -> tuple[Goal, ...]:
    return (Ratio(limit, to, more_is_better=True),)


def _none() -> tuple[Goal, ...]:
    return (AtMost(0, "0"),)


_CALLS = (
    Metric("json_p50", "added latency, JSON, p50", FINE_MS, _less(0.40)),
    Metric("json_p99", "added latency, JSON, p99", FINE_MS, _less(0.25)),
    Metric("sse_p50", "added latency, SSE, p50", FINE_MS, _less(0.40)),
    Metric("sse_p99", "added latency, SSE, p99", FINE_MS, _less(0.25)),
    Metric("json_cpu", "processor time a call, JSON", US, _less(0.08)),
    Metric("sse_cpu", "processor time a call, SSE", US, _less(0.08)),
    Metric("rate_64_cpu", "processor time a call, 64 in flight", US),
    Metric("rate_1", "calls a second, 1 in flight", A_SECOND, _more(5)),
    Metric("rate_16", "calls a second, 16 in flight", A_SECOND, _more(12) + _more(0.5, DIRECT)),
    Metric("rate_64", "calls a second, 64 in flight", A_SECOND, _more(12) + _more(0.5, DIRECT)),
    Metric("rate_256", "calls a second, 256 in flight", A_SECOND, _more(12) + _more(0.5, DIRECT)),
    Metric("notifications", "notifications a second", A_SECOND, _more(12)),
    Metric("notifications_cpu", "processor time a notification", FINE_US),
    Metric("notifications_lost", "notifications lost or misplaced", PLAIN, _none(), summary=max),
)
_LARGE = (
    Metric("big_json_10", "10 MB result as JSON", MS),
    Metric("big_json_50", "50 MB result as JSON", MS, _less(0.45) + _less(1.5, DIRECT)),
    Metric("big_sse_10", "10 MB result as an SSE event", MS, _less(0.06)),
    Metric("big_sse_50", "50 MB result as an SSE event", MS),
    *(
        Metric(f"big_{kind}_{size}_cpu", f"processor time for {size} MB as {kind.upper()}", MS)
        for kind in ("json", "sse")
        for size in (10, 50)
    ),
    *(
        Metric(f"big_{kind}_{size}_peak", f"peak memory over base, {size} MB as {kind.upper()}", TIMES, (limit,))
        for kind, limit in (("json", AtMost(1.2, "1.2 × the message")), ("sse", AtMost(2.2, "2.2 × the message")))
        for size in (10, 50)
    ),
    Metric("beside_json", "a call beside 10 MB as JSON, p50", FINE_MS, _less(0.25)),
    Metric("beside_json_worst", "a call beside 10 MB as JSON, worst", MS, _less(0.15)),
    Metric("beside_sse", "a call beside 10 MB as SSE, p50", FINE_MS, _less(0.25)),
    Metric("beside_sse_worst", "a call beside 10 MB as SSE, worst", MS, _less(0.15)),
    Metric("beside_slow", "a call beside a 2 s call, to one alone", FINE, (AtMost(1.25, "1.25"),)),
)


def _over_tls(metric: Metric) -> Metric:
    """The same without goals: other programs and their languages bring other implementations of TLS."""
    return msgspec.structs.replace(metric, key=f"{metric.key}_tls", title=f"{metric.title}, TLS", goals=())


METRICS = (
    Metric("start", "cold start, static token", MS, _less(0.25)),
    Metric("start", "cold start, login sealed by a key file", MS, _less(0.28), KEY_FILE),
    Metric("start", "cold start, login sealed by the OS keyring", MS, _less(0.40), KEYRING),
    Metric("start_cpu", "processor time for it, static token", MS),
    Metric("start_requests", "HTTP requests before the answer", PLAIN, (AtMost(1, "1"),)),
    Metric("start_far", "cold start, TLS, 40 ms away", MS, _less(0.30)),
    Metric("pause_far", "first call after a pause, TLS, 40 ms away", MS, _less(0.32), summary=min),
    Metric("pause_connections_far", "new connections for it", PLAIN, _none(), summary=max),
    *_CALLS,
    *_LARGE,
    Metric("memory_idle", "memory, idle", MB, (AtMost(29e6, "29 MB"), Ratio(0.40))),
    Metric("memory_busy", "memory after 10,000 calls", MB, _less(0.20)),
    Metric("memory_growth", "growth in 1,000 calls", KB, (AtMost(50e3, "50 KB"),)),
    Metric("wake_ups_far", "wake-ups a second, idle", FINE, _none()),
    Metric("instructions_start", "instructions of a start", MILLION),
    Metric("instructions_call", "instructions a call, one at a time", THOUSAND, (AtMost(300e3, "300 k"),)),
    Metric("instructions_call_16", "instructions a call, 16 in flight", THOUSAND, (AtMost(250e3, "250 k"),)),
    Metric("instructions_call_sse", "instructions a call, SSE", THOUSAND, (AtMost(330e3, "330 k"),)),
    Metric("instructions_notification", "instructions a notification", THOUSAND),
    Metric("size", "installed size", MB),
    Metric("packages", "installed packages", PLAIN),
    *map(_over_tls, (*_CALLS, *_LARGE)),
)


def summarised(metric: Metric, samples: Samples, name: str) -> float | None:
    """The figure of one contestant over all rounds."""
    return metric.summary(samples[name].values()) if samples.get(name) else None


def ratio(metric: Metric, samples: Samples, other: str) -> float | None:
    """The median of our ratios to the `other` within the rounds: what disturbs one round disturbs both of them."""
    ours, theirs = samples.get(metric.ours, {}), samples.get(other, {})
    ratios = [ours[each] / theirs[each] for each in ours if theirs.get(each)]
    return statistics.median(ratios) if ratios else None


def outcome(metric: Metric, samples: Samples) -> str:
    """Whether each goal is reached, with the figure; empty without a goal, or without a figure to compare."""
    sentences = []
    for goal in metric.goals:
        measured = goal.measured(metric, samples)
        if measured is not None:
            word = "reached" if goal.met(measured) else "not reached"
            sentences.append(f"{goal}: {word} ({goal.show(measured, metric.unit)})")
    return "; ".join(sentences)


def markdown(values: Values) -> str:
    """The table of everything, with one line per measured metric."""
    head = ["metric", "ours", PEER, "ratio", DIRECT, "ratio", "goals", *OTHERS]
    return _table([head, *(_row(metric, values[metric.key]) for metric in METRICS if metric.key in values)])


def _table(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    head, *rest = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    return "\n".join((head, "| " + " | ".join("-" * width for width in widths) + " |", *rest))


def _row(metric: Metric, samples: Samples) -> list[str]:
    ours, theirs, direct, *others = (
        _shown(metric, summarised(metric, samples, name)) for name in (metric.ours, PEER, DIRECT, *OTHERS)
    )
    to_peer, to_direct = (_shown_ratio(ratio(metric, samples, name)) for name in (PEER, DIRECT))
    return [metric.title, ours, theirs, to_peer, direct, to_direct, outcome(metric, samples), *others]


def _shown(metric: Metric, value: float | None) -> str:
    return "–" if value is None else metric.unit.show(value)


def _shown_ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def as_json(values: Values) -> list[dict[str, object]]:
    """JSON for programs: every metric with its goals, its figures and its samples by round."""
    return [
        {
            "metric": metric.title,
            "key": metric.key,
            "ours": metric.ours,
            "goals": [
                {"goal": str(goal), "measured": measured, "reached": None if measured is None else goal.met(measured)}
                for goal in metric.goals
                for measured in (goal.measured(metric, values[metric.key]),)
            ],
            "summaries": {name: summarised(metric, values[metric.key], name) for name in values[metric.key]},
            "ratios": {name: ratio(metric, values[metric.key], name) for name in values[metric.key]},
            "samples": values[metric.key],
        }
        for metric in METRICS
        if metric.key in values
    ]


FOR_READERS = (
    ("cold start to the server's answer, static token", ("start",), "ours"),
    ("… with a login sealed by the OS keyring", ("start",), KEYRING),
    ("HTTP requests before that answer", ("start_requests",), "ours"),
    ("first call after a 70 s pause, TLS, 40 ms away", ("pause_far",), "ours"),
    ("added latency of a call, p50 / p99", ("json_p50", "json_p99"), "ours"),
    ("processor time per call, JSON / SSE", ("json_cpu", "sse_cpu"), "ours"),
    ("calls per second, 1 in flight", ("rate_1",), "ours"),
    ("calls per second, 16 / 64 in flight", ("rate_16", "rate_64"), "ours"),
    ("calls per second, 64 in flight, TLS", ("rate_64_tls",), "ours"),
    ("notifications per second", ("notifications",), "ours"),
    ("memory, idle / after 10,000 calls", ("memory_idle", "memory_busy"), "ours"),
    ("10 MB result as JSON / as an SSE event", ("big_json_10", "big_sse_10"), "ours"),
    ("peak memory for it, above base", ("big_json_10_peak", "big_sse_10_peak"), "ours"),
    ("the longest other call meanwhile", ("beside_json_worst", "beside_sse_worst"), "ours"),
    ("installed packages", ("packages",), "ours"),
)
"""The rows of README.md: a title, the metrics whose figures stand in it, and our contestant in them."""


def for_readers(values: Values, versions: Mapping[str, str]) -> str:
    """The table of README.md; `versions` are those of the other bridges."""
    others = (PEER, *OTHERS, DIRECT)
    head = ["", "this bridge", *(f"{name} {versions.get(name, '')}".strip() for name in others)]
    rows = [
        [title, *(_joined(keys, values, name) for name in (ours, *others))]
        for title, keys, ours in FOR_READERS
        if any(key in values for key in keys)
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)).replace("|  |", "| |")


def _joined(keys: tuple[str, ...], values: Values, name: str) -> str:
    """The figures of several metrics in one unit, "–" for those that are missing, once if all are."""
    metrics = [next(metric for metric in METRICS if metric.key == key) for key in keys]
    shown = [_shown(metric, summarised(metric, values.get(metric.key, {}), name)) for metric in metrics]
    *firsts, last = shown
    if {*shown} == {"–"}:
        return "–"
    return " / ".join((*(each.removesuffix(metrics[-1].unit.name) for each in firsts), last))
