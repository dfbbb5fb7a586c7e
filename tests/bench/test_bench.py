"""The benchmark's arithmetic and its server; `python tests/bench` measures the numbers."""

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

import clients
import kernel_figures
import report
from needs import needs
from stand import Stand

BENCH = Path(__file__).parent


@pytest.mark.parametrize("module", sorted({path.stem for path in BENCH.glob("[a-z]*.py")} - {"test_bench"}))
def test_every_module_of_the_benchmark_can_be_imported(module: str) -> None:
    importlib.import_module(module)


@pytest.mark.slow
@pytest.mark.timeout(900)
@needs("dbus-daemon", "gnome-keyring-daemon", "valgrind")
def test_the_quick_benchmark_measures_everything_but_the_largest_messages(tmp_path: Path) -> None:
    script, samples = BENCH, tmp_path / "samples.json"
    argv = [sys.executable, str(script), "--quick", "--alone", "--json", str(samples)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured = {row["metric"] for row in json.loads(samples.read_text()) if row["ours"] in row["samples"]}
    in_haste = {metric.title for metric in report.METRICS if "50 MB as SSE" not in metric.title}
    assert measured == in_haste - {"50 MB result as an SSE event", "50 MB result as an SSE event, TLS"}, done.stdout


def a_hang() -> float:
    """One minute from now: only a hang takes as long."""
    return time.perf_counter() + 60


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with Stand.alone(tmp_path_factory.mktemp("bench")) as stand:
        yield stand


def metric(key: str) -> report.Metric:
    return next(each for each in report.METRICS if each.key == key)


def rounds(*figures):
    """The figures of consecutive rounds."""
    return dict(enumerate(figures))


def test_a_ratio_is_the_median_of_the_ratios_within_the_rounds() -> None:
    samples = {"ours": rounds(1, 10, 300), "mcp-remote": rounds(10, 100, 1000)}
    assert report.ratio(metric("json_cpu"), samples, "mcp-remote") == pytest.approx(0.1)


def test_a_round_in_which_one_of_the_two_is_missing_does_not_count() -> None:
    samples = {"ours": {0: 1, 1: 50, 2: 3}, "mcp-remote": {0: 10, 2: 30}}
    assert report.ratio(metric("json_cpu"), samples, "mcp-remote") == pytest.approx(0.1)


def test_a_value_below_the_goals_share_of_mcp_remote_is_reached() -> None:
    limit = "≤ 0.08 × mcp-remote"
    for ours, sentence in ((0.08, f"{limit}: reached (0.08)"), (0.09, f"{limit}: not reached (0.09)")):
        samples = {"ours": rounds(ours, ours, 9), "mcp-remote": rounds(1, 1, 1)}
        assert report.outcome(metric("json_cpu"), samples) == sentence


def test_a_rate_must_reach_its_multiple_of_mcp_remote() -> None:
    for ours, word in ((500, "reached (5.00)"), (499, "not reached (4.99)")):
        samples = {"ours": rounds(ours), "mcp-remote": rounds(100)}
        assert report.outcome(metric("rate_1"), samples) == f"≥ 5 × mcp-remote: {word}"


def test_each_goal_of_a_row_is_judged_by_itself() -> None:
    samples = {"ours": rounds(2400), "mcp-remote": rounds(100), "direct": rounds(6000)}
    assert report.outcome(metric("rate_64"), samples) == (
        "≥ 12 × mcp-remote: reached (24.0); ≥ 0.5 × direct: not reached (0.40)"
    )


def test_the_worst_round_decides_on_losses() -> None:
    assert report.outcome(metric("notifications_lost"), {"ours": rounds(0, 1, 0)}) == "≤ 0: not reached (1)"


def test_without_mcp_remote_no_ratio_is_judged() -> None:
    assert report.outcome(metric("json_cpu"), {"ours": rounds(0.3)}) == ""


def test_the_table_has_a_row_for_each_place_of_the_token() -> None:
    starts = {
        "ours": rounds(0.1),
        "ours, key file": rounds(0.2),
        "ours, keyring": rounds(0.4),
        "mcp-remote": rounds(1.0),
    }
    rows = [[cell.strip() for cell in row.split("|")] for row in report.markdown({"start": starts}).splitlines()[2:]]
    assert [(row[2], row[4]) for row in rows] == [("100 ms", "0.1"), ("200 ms", "0.2"), ("400 ms", "0.4")]
    assert [row[7].partition(": ")[2] for row in rows] == ["reached (0.10)", "reached (0.20)", "reached (0.40)"]


def test_no_row_over_tls_has_a_goal() -> None:
    assert {each.goals for each in report.METRICS if each.key.endswith("_tls")} == {()}


def test_the_json_of_a_goal_says_what_was_measured() -> None:
    (row,) = report.as_json({"rate_1": {"ours": rounds(200, 300), "mcp-remote": rounds(50, 50)}})
    assert row["goals"] == [{"goal": "≥ 5 × mcp-remote", "measured": 5.0, "reached": True}]
    assert row["ratios"] == {"ours": 1.0, "mcp-remote": 5.0}


def test_the_table_of_the_readme_joins_figures_that_belong_together() -> None:
    values = {
        "json_p50": {"ours": rounds(0.0001), "mcp-remote": rounds(0.0005)},
        "json_p99": {"ours": rounds(0.0002), "mcp-remote": rounds(0.0009)},
    }
    assert report.for_readers(values, {"mcp-remote": "0.15.1"}) == (
        "| | this bridge | mcp-remote 0.15.1 | fastmcp-remote | mcp-proxy | mcp-stdio | direct |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
        "| added latency of a call, p50 / p99 | 0.10 / 0.20 ms | 0.50 / 0.90 ms | – | – | – | – |"
    )


def test_every_row_of_the_readme_is_a_metric() -> None:
    keys = {key for _, keys, _ in report.FOR_READERS for key in keys}
    assert keys <= {each.key for each in report.METRICS}


def test_each_contestant_goes_first_in_one_round(stand: Stand) -> None:
    assert [stand.turns("abc")[0] for _ in stand.rounds(quick=4, full=9)] == ["a", "b", "c", "a"]


def test_a_figure_belongs_to_its_round_and_place(stand: Stand) -> None:
    with stand.at(stand.tls):
        for number in stand.rounds(quick=2, full=9):
            stand.add("test", "ours", 10 + number)
    assert stand.samples["test_tls"] == {"ours": {0: 10, 1: 11}}


def test_processor_time_is_that_of_the_threads_in_proc_and_of_those_that_have_ended(tmp_path: Path) -> None:
    script = (
        "import threading, time\n"
        "def burn():\n"
        "    while time.thread_time() < 0.1: pass\n"
        "thread = threading.Thread(target=burn); thread.start(); thread.join()\n"
        "print(time.process_time_ns(), flush=True); input()"
    )
    with clients.Stdio([sys.executable, "-c", script], {}, tmp_path / "log") as client:
        said = int(client.receive(a_hang())) / 1e9
        assert 0.1 <= said <= kernel_figures.processor_time(client.pid)


@pytest.mark.parametrize("tool", ["json-0", "sse-0", "bigjson-1", "bigsse-1"])
def test_the_server_answers_every_tool(stand: Stand, tool: str) -> None:
    with clients.Direct(stand.near.url) as client:
        assert b'"bench"' in client.initialize()
        client.call(tool)


def test_notifications_arrive_in_order_and_before_their_reply(stand: Stand) -> None:
    with clients.Direct(stand.near.url) as client:
        number = client.ask("notify-2000")
        messages = [client.receive(a_hang()) for _ in range(2001)]
    assert [b'"data":"%d"' % count in message for count, message in enumerate(messages[:-1])] == [True] * 2000
    assert clients.number_of(messages[-1]) == number


def test_the_far_server_is_the_near_one_over_tls(stand: Stand) -> None:
    _, before = stand.counts()
    with clients.Direct(stand.far.url, stand.far.ca) as client:
        client.call("json-0")
        client.call("json-0")
    assert stand.counts()[1] - before == 1


def test_a_bridge_that_ends_counts_as_gone_and_not_as_late(tmp_path: Path) -> None:
    with clients.Stdio([sys.executable, "-c", ""], {}, tmp_path / "log") as client, pytest.raises(clients.Gone):
        client.receive(a_hang())


def test_lines_are_joined_at_any_chunking(tmp_path: Path) -> None:
    script = "import sys\nfor part in (b'{', b'}\\n{}', b'\\n'): sys.stdout.buffer.write(part); sys.stdout.flush()"
    with clients.Stdio([sys.executable, "-c", script], {}, tmp_path / "log") as client:
        assert [client.receive(a_hang()) for _ in range(2)] == [b"{}", b"{}"]
