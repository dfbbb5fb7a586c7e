"""Messages never delay the bridge, with a closed, full or unread stderr; and none controls the terminal."""

import io
import json
import os
import select
import subprocess
import sys
import threading

import pytest

from mcp_auth_bridge.errors import printable
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.console.stderr import Stderr

LINE = "x" * 99 + "\n"


@pytest.fixture
def pipe(monkeypatch):
    """A call makes sys.stderr a pipe and returns its read end. The test calls it, after pytest has replaced stderr."""
    ends = []

    def begin():
        reading, writing = os.pipe()
        ends.extend([os.fdopen(reading, "rb", buffering=0), os.fdopen(writing, "w")])
        monkeypatch.setattr(sys, "stderr", ends[1])
        return ends[0]

    yield begin
    for end in ends:
        end.close()


def drained(reading):
    os.set_blocking(reading.fileno(), False)
    parts = []
    while part := reading.read(1 << 20):
        parts.append(part)
    return b"".join(parts).decode()


def test_a_mebibyte_does_not_wait_for_a_reader_that_stopped(pipe):
    reading, stderr = pipe(), Stderr("{} are missing\n".format)
    for _ in range(10_500):
        stderr.write(LINE)
    assert 0 < len(drained(reading)) < 1 << 20


def test_dropped_lines_are_counted_once_reading_goes_on_and_no_line_is_torn(pipe):
    reading, stderr = pipe(), Stderr("{} are missing\n".format)
    for _ in range(2_000):
        stderr.write(LINE)
    heard = drained(reading)
    stderr.write("after\n")
    heard += drained(reading)
    lines = heard.splitlines(keepends=True)
    whole = lines.count(LINE)
    assert lines[whole:] == [
        f"{2_000 - whole} are missing\n",
        "after\n",
    ]


def test_a_line_longer_than_the_pipe_is_finished_before_the_next(pipe):
    reading, stderr = pipe(), Stderr("{} are missing\n".format)
    stderr.write("y" * 200_000 + "\n")
    heard = drained(reading)
    while heard[-1] != "\n":
        stderr.write("in between\n")
        heard += drained(reading)
    assert heard.splitlines()[0] == "y" * 200_000


def test_lines_of_several_threads_are_whole(pipe):
    reading, stderr = pipe(), Stderr("{} are missing\n".format)
    threads = [threading.Thread(target=lambda: [stderr.write(LINE) for _ in range(100)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drained(reading) == LINE * 400


def test_a_reader_that_has_gone_raises_nothing(pipe):
    reading, stderr = pipe(), Stderr("{} are missing\n".format)
    reading.close()
    stderr.write(LINE)
    stderr.write(LINE)


def test_without_a_stderr_nothing_is_written(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    Stderr("{} are missing\n".format).write(LINE)


def test_a_closed_stream_raises_nothing(monkeypatch, tmp_path):
    with (tmp_path / "log").open("w") as stream:
        pass
    monkeypatch.setattr(sys, "stderr", stream)
    Stderr("{} are missing\n".format).write(LINE)


def test_text_that_the_encoding_lacks_is_escaped(monkeypatch, tmp_path):
    with (tmp_path / "log").open("w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        Stderr("{} are missing\n".format).write("…\udcff\n")
    assert (tmp_path / "log").read_text() == "\\u2026\\udcff\n"


STEERING = "a\x1b]8;;https://evil.example\x07b\u202ec\u200bd\x9be\U000e0041f\r\ng"


def test_nothing_that_steers_a_terminal_reaches_it(capsys):
    terminal.say(STEERING)
    terminal.print_url(STEERING)
    terminal.print_result(STEERING)
    out, err = capsys.readouterr()
    blank = "a ]8;;https://evil.example b c d e f"
    assert err == f"mcp-auth-bridge: {blank}  g\n\n{blank}  g\n\n"
    assert out == f"{blank} \ng\n"
    assert printable(out) == out.replace("\n", " ")


# A whole process


def running(folder, *options, **streams):
    """`run` for a server that is down."""
    return subprocess.Popen(
        [sys.executable, "-m", "mcp_auth_bridge", *options, "run", "http://127.0.0.1:9/mcp"],
        env={"PATH": os.environ["PATH"], "MCP_AUTH_BRIDGE_HOME": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **streams,
    )


def ping(number):
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {}}).encode() + b"\n"


@pytest.mark.skipif(sys.platform == "win32", reason="closes descriptors as POSIX does")
@pytest.mark.parametrize("options", [(), ("--debug",)])
def test_a_run_without_stderr_relays_and_ends(tmp_path, options):
    process = running(tmp_path, *options, preexec_fn=lambda: os.close(2))
    answer, _ = process.communicate(ping(1), timeout=60)
    assert json.loads(answer)["id"] == 1
    assert process.returncode == 0


def test_a_run_whose_stderr_is_never_read_answers_every_request(tmp_path):
    with running(tmp_path, "--debug", stderr=subprocess.PIPE) as process:
        for number in range(2_000):  # some 100 bytes of log each, at least; and a pipe holds 64 KiB
            process.stdin.write(ping(number))
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()
        assert process.wait(60) == 0
        assert 10_000 < len(process.stderr.read()) < 2_000 * 100


@pytest.mark.parametrize("system", ["without poll", "a replaced stream"])
def test_where_nothing_tells_whether_there_is_room_lines_are_written_all_the_same(monkeypatch, system, tmp_path):
    with (tmp_path / "log").open("w") if system == "without poll" else io.StringIO() as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        if system == "without poll":
            monkeypatch.delattr(select, "poll")
        Stderr("{} are missing\n".format).write(LINE)
        written = (tmp_path / "log").read_text() if system == "without poll" else stream.getvalue()
        monkeypatch.undo()
    assert written == LINE
