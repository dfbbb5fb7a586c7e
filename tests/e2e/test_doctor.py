"""`doctor` as a person runs it: wherever it runs, it ends with a verdict, and it changes nothing."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from faults.site import Site
from installed import HANG
from namespaces import resolving
from needs import found
from peer import ENVIRONMENT
from program import command
from terminals import typing, visible
from words import complaint


class Served:
    """A `Site` in a loop of its own thread, and a home with the server `far`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**ENVIRONMENT, "HOME": str(folder), "MCP_AUTH_BRIDGE_HOME": str(folder)}

    def run(self, *arguments: str, within: tuple[str, ...] = (), **options: object) -> subprocess.CompletedProcess[str]:
        usual = {"env": self.environment, "capture_output": True, "stdin": subprocess.DEVNULL, "timeout": HANG}
        return subprocess.run(
            [*within, command(), "doctor", *arguments], text=True, check=False, **{**usual, **options}
        )


@pytest.fixture
def served(tmp_path: Path):
    """A server that wants a login, its URL in a configuration."""
    from peers.gateway import Gateway

    with Gateway() as gateway:
        served = Served(tmp_path / "home")
        served.folder.mkdir(0o700)
        key = served.folder / "sealing.key"
        key.touch(0o600)
        key.write_text("bWNwLWF1dGgtYnJpZGdlLWVuZC10by1lbmQtdGVzdHM=\n")
        (served.folder / "config.toml").write_text(
            f"[store]\nkind = 'key_file'\npath = {json.dumps(str(key))}\n"
            f"[servers.far]\nurl = '{gateway.url}'\nheaders = {{ X-Bigcorp-Org = 'org-4711' }}\n"
        )
        yield served


def ends_with_a_verdict(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode in (0, 16), done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "fault of the bridge" not in done.stdout + done.stderr
    return done.stdout.rpartition("\nverdict\n")[2]


def left(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# What it prints


@pytest.mark.parametrize("arguments", [["far"], []])
def test_each_way_to_name_the_server_ends_in_the_same_verdict(served, arguments) -> None:
    assert "run: mcp-auth-bridge login far" in " ".join(ends_with_a_verdict(served.run(*arguments)).split())


def test_a_url_needs_no_configuration(served, tmp_path) -> None:
    url = (served.folder / "config.toml").read_text().partition("url = '")[2].partition("'")[0]
    served.environment = {**ENVIRONMENT, "MCP_AUTH_BRIDGE_HOME": str(tmp_path / "none")}
    assert f"{url} wants a login" in " ".join(ends_with_a_verdict(served.run(url)).split())
    assert not (tmp_path / "none").exists()


def test_it_changes_nothing(served) -> None:
    before = left(served.folder)
    ends_with_a_verdict(served.run("far"))
    served.run("far", "--json")
    served.run("far", "--for-operator")
    assert left(served.folder) == before


def test_json_is_one_document_with_the_same_exit_code(served) -> None:
    done = served.run("far", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["verdict"]["blame"], report["server"]["name"]) == (16, "you", "far")
    assert {"here", "way", "server", "oauth", "credential", "client"} == {
        each["section"] for each in report["findings"]
    }


def test_the_text_for_an_operator_says_if_there_is_none(served) -> None:
    done = served.run("far", "--for-operator")
    assert done.stdout.startswith("there is nothing here that the operator of a server has to change\nfault: you\n")


@pytest.mark.parametrize("arguments", [["--json", "--for-operator"], ["--bundle"]])
def test_options_that_exclude_each_other_are_refused(served, arguments) -> None:
    done = served.run("far", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    complaint(done.stderr)


# The bundle


def test_a_bundle_is_a_new_private_file_and_is_never_overwritten(served, tmp_path) -> None:
    path = tmp_path / "report.json"
    done = served.run("far", "--bundle", str(path))
    assert done.returncode == 16
    assert "verdict" in done.stdout
    assert done.stderr == f"mcp-auth-bridge: wrote {path}; read it before you publish it\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    done = served.run("far", "--bundle", str(path))
    sentence, hint = complaint(done.stderr)
    assert (done.returncode, done.stdout, path.read_bytes()) == (2, "", before)
    assert (sentence, hint) == (f"{path} exists already, and is not overwritten", "name a new file")


def test_a_bundle_needs_a_folder_that_exists(served, tmp_path) -> None:
    done = served.run("far", "--bundle", str(tmp_path / "none" / "report.json"))
    assert (done.returncode, complaint(done.stderr)[1]) == (2, "make it, or name a file elsewhere")


@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are Linux's")
def test_two_bundles_of_one_machine_name_a_host_alike_and_hold_no_name(served, tmp_path) -> None:
    name = "mcp.bigcorp-canary.example"
    config = served.folder / "config.toml"
    config.write_text(config.read_text().replace("127.0.0.1", name).replace("headers", "allow_http = true\nheaders", 1))
    served.environment |= {"USER": "jane-of-canaries", "BIGCORP_TOKEN": "a-secret-canary-77"}
    within = tuple(resolving(tmp_path / "hosts", name))
    bundles = []
    for number in range(2):
        path = tmp_path / f"{number}.json"
        ends_with_a_verdict(served.run("far", "--bundle", str(path), within=within))
        bundles.append(json.loads(path.read_text()))
    first, second = (bundle["report"]["server"]["url"] for bundle in bundles)
    assert first == second
    assert first.startswith("http://host-")
    for word in ("bigcorp", "canary", "canaries", "org-4711", str(served.folder), "/home/"):
        assert word not in json.dumps(bundles).lower()


# Where it runs


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
@pytest.mark.parametrize("arguments", [[], ["https://mcp.acme.example/mcp"]])
def test_without_a_network_it_ends_with_a_verdict(tmp_path, arguments) -> None:
    within = (found("unshare"), "-Urn")
    if subprocess.run([*within, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not allow network namespaces")
    alone = Served(tmp_path / "home")
    assert ends_with_a_verdict(alone.run(*arguments, within=within))


@pytest.mark.parametrize("arguments", [[], ["https://127.0.0.1:9/mcp"]])
def test_in_an_empty_environment_it_ends_with_a_verdict(tmp_path, arguments) -> None:
    alone = Served(tmp_path)
    alone.environment = {}
    assert ends_with_a_verdict(alone.run(*arguments))


def test_on_forty_columns_only_a_command_and_a_long_word_are_longer(served) -> None:
    environment = {**served.environment, "COLUMNS": "40", "TERM": "xterm"}
    code, shown = typing([command(), "doctor", "far"], environment, [])
    assert code == 16
    lines = visible(shown)
    long = [line for line in lines if len(line) > 40 and "mcp-auth-bridge " not in line]
    assert [line for line in long if len(line.lstrip(" -").split()) > 1] == []  # one word, such as a URL, is not broken
    assert "verdict" in lines


def test_piped_into_a_file_it_has_no_control_characters(served, tmp_path) -> None:
    path = tmp_path / "out"
    with path.open("wb") as file:
        done = served.run("far", capture_output=False, stdout=file, stderr=subprocess.PIPE)
    text = path.read_text()
    assert (done.returncode, done.stderr) == (16, "")
    assert all(char.isprintable() or char == "\n" for char in text)
    assert "\nverdict\n" in text


def test_with_a_closed_stdout_the_exit_code_is_the_verdict(served) -> None:
    done = served.run("far", within=("sh", "-c", 'exec "$@" >&-', "-"))
    assert (done.returncode, done.stdout, done.stderr) == (16, "", "")


def test_a_reader_that_leaves_ends_it_quietly(served) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        done = served.run("far", capture_output=False, stdout=theirs, stderr=subprocess.PIPE)
    finally:
        os.close(theirs)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_ends_it_without_a_traceback(tmp_path) -> None:
    import asyncio

    async def story() -> tuple[int | None, bytes]:
        async with Site() as site:
            site.endpoint = lambda _: [lambda reader, _writer: reader.read()]
            process = await asyncio.create_subprocess_exec(
                *(command(), "doctor", site.url),
                env={**ENVIRONMENT, "MCP_AUTH_BRIDGE_HOME": str(tmp_path)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            await site.received("initialize")
            process.send_signal(signal.SIGINT)
            _, err = await process.communicate()
            return process.returncode, err

    assert asyncio.run(story()) == (130, b"")
