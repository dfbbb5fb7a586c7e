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
import report
from needs import needs
from stand import Stand

BENCH = Path(__file__).parent


@pytest.mark.parametrize("module", sorted({path.stem for path in BENCH.glob("[a-z]*.py")} - {"test_bench"}))
def test_every_module_of_the_benchmark_can_be_imported(module: str) -> None:
    importlib.import_module(module)


@pytest.mark.slow
@pytest.mark.timeout(400)
@needs("dbus-daemon", "gnome-keyring-daemon")
def test_the_quick_benchmark_measures_everything_but_the_largest_messages(tmp_path: Path) -> None:
    script, samples = BENCH, tmp_path / "samples.json"
    argv = [sys.executable, str(script), "--quick", "--alone", "--json", str(samples)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured = {row["metric"] for row in json.loads(samples.read_text()) if row["ours"] in row["samples"]}
    in_haste = {metric.title for metric in report.METRICS if "50 MB" not in metric.title}
    assert measured == in_haste, done.stdout


def a_hang() -> float:
    """One minute from now: only a hang takes as long."""
    return time.perf_counter() + 60


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with Stand.alone(tmp_path_factory.mktemp("bench")) as stand:
        yield stand


def metric(key: str) -> report.Metric:
    return next(each for each in report.METRICS if each.key == key)


def test_a_value_below_the_goals_share_of_mcp_remote_is_ok() -> None:
    assert report.outcome(metric("json_p50"), {"ours": [0.3, 0.4, 9], "mcp-remote": [1, 1, 1]}) == "ok"
    assert report.outcome(metric("json_p50"), {"ours": [0.3, 0.41, 9], "mcp-remote": [1, 1, 1]}) == "missed"


def test_a_rate_must_reach_its_multiple_of_mcp_remote() -> None:
    assert report.outcome(metric("rate_1"), {"ours": [300], "mcp-remote": [100]}) == "ok"
    assert report.outcome(metric("rate_1"), {"ours": [299], "mcp-remote": [100]}) == "missed"


def test_the_worst_round_decides_on_losses() -> None:
    assert report.outcome(metric("notifications_lost"), {"ours": [0, 1, 0]}) == "missed"


def test_without_mcp_remote_no_ratio_is_judged() -> None:
    assert report.outcome(metric("json_p50"), {"ours": [0.3]}) == ""


def test_the_table_has_a_row_for_each_place_of_the_token() -> None:
    starts = {"ours": [0.1], "ours, key file": [0.2], "ours, keyring": [0.3], "mcp-remote": [1.0]}
    rows = [row.split("|") for row in report.markdown({"start": starts}).splitlines()[2:]]
    assert [row[4].strip() for row in rows] == ["0.10", "0.20", "0.30"]
    assert [row[6].strip() for row in rows] == ["ok", "ok", "ok"]


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
