"""docs/headless.md is correct: its configurations, manifests and commands run here as far as possible."""

import configparser
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import documents
import pytest
import yaml
from installed import HANG, RawClient
from needs import needs
from peer import ENVIRONMENT, TESTS, Peer, scenario
from program import command
from scenarios.internal_platform import API_KEYS, CLIENT, CLIENT_SECRET, WORKLOAD_REQUEST, workload_token
from words import text

from mcp_auth_bridge import errors
from mcp_auth_bridge.cli.manual import build_parser
from mcp_auth_bridge.config import auth as auth_module
from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.shell.console import terminal

DOCUMENT = (TESTS.parent / "docs" / "headless.md").read_text()
BLOCKS = [(mark or kind, kind, text) for mark, kind, text in documents.blocks("docs/headless.md")]
ORIGIN = "https://files.acme.example"
PLACES = re.compile(r"/(?:var/run|var/lib|run|etc)/")


def block(name: str) -> str:
    """The only block with that mark."""
    (found,) = [block for mark, _, block in BLOCKS if mark == name]
    return found


def blocks(kind: str) -> list[str]:
    return [block for _, found, block in BLOCKS if found == kind]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    yield from scenario("internal_platform", tmp_path_factory.mktemp("peer"))


class Here:
    """The machine that the document describes, below one folder, with `platform` as https://files.acme.example."""

    def __init__(self, folder: Path, platform: Peer) -> None:
        self.folder = folder
        self.origin = platform.about["origin"]
        self._platform = platform

    def moved(self, document: str) -> str:
        return PLACES.sub(rf"{self.folder}\g<0>", document).replace(ORIGIN, self.origin)

    def write(self, path: str, content: str) -> Path:
        """Write a file that the document names; only its owner may read it."""
        file = Path(self.moved(path)) if path.startswith("/") else self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        file.chmod(0o600)
        return file

    def run(self, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one of our commands with exactly that environment."""
        return subprocess.run(
            [command(), *argv],
            cwd=self.folder,
            env={"PATH": ENVIRONMENT["PATH"], **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        )

    def token_requests(self) -> int:
        return sum(request["path"] == "/token" for request in self._platform.control()["requests"])


@pytest.fixture
def here(tmp_path: Path, running: Peer) -> Here:
    running.control(["renew", "reset"])
    return Here(tmp_path, running)


# Documents that are read


@pytest.mark.parametrize("example", blocks("toml"))
def test_a_configuration_is_valid(example: str) -> None:
    assert set(config_file.parse(example, Path("headless.md")).profiles) == {"files"}


def test_every_kind_of_machine_auth_has_an_example() -> None:
    shown = [config_file.parse(example, Path("headless.md")).profiles["files"].auth for example in blocks("toml")]
    assert {type(auth) for auth in shown} == set(get_args(auth_module.Auth)) - {auth_module.AnonymousSettings}


def commands() -> Iterator[str]:
    for line in "\n".join(block for _, _, block in BLOCKS).splitlines():
        if found := re.match(r"(?:\s*- run: |ExecStart=/usr/local/bin/|env -i .*?)?(mcp-auth-bridge .*)", line):
            yield found[1]
    for document in yaml.safe_load_all(block("kubernetes")):
        for container in document.get("spec", {}).get("template", {}).get("spec", {}).get("initContainers", ()):
            yield shlex.join(container["command"])


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_a_documented_command_is_valid(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(code: int) -> None:
        raise AssertionError(f"{line} is refused")

    monkeypatch.setattr(terminal, "exit_now", refuse)
    monkeypatch.setattr(terminal, "use_json_lines", lambda: None)  # else set for all later tests of this process
    assert build_parser().parse_args(shlex.split(line, comments=True)[1:]).command


def test_the_document_has_at_least_ten_commands() -> None:
    assert len(list(commands())) >= 10


def kinds_of_error(kind: type[errors.BridgeError] = errors.BridgeError) -> Iterator[type[errors.BridgeError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from kinds_of_error(narrower)


def test_the_table_of_exit_codes_matches_the_errors() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*?) \| .*? \|$", DOCUMENT, re.MULTILINE)
    table = {int(code): set(re.findall(r"`(\w+)`", reasons)) for code, reasons in rows}
    expected: dict[int, set[str]] = {0: set()}
    for kind in kinds_of_error():
        expected.setdefault(kind.exit_code, set()).add(kind.reason)
    assert table == expected


# Commands that are run


def test_the_documented_line_of_json_is_the_line_on_stderr(here: Here) -> None:
    path = here.write("config.toml", here.moved(of_kind("headers")))
    done = here.run("--config", str(path), "--log-format", "json", "run", "files", "--headless")
    said, shown = json.loads(done.stderr), json.loads(block("a line of the log"))
    assert (done.returncode, done.stdout) == (9, "")
    assert {**said, "time": ""} == {**shown, "time": ""}
    assert list(said) == list(shown)


def test_the_bridge_runs_without_a_user(here: Here) -> None:
    """The configuration is in the default place, so the command does not name it."""
    here.write("config.toml", here.moved(of_kind("headers")))
    environment = {"PATH": ENVIRONMENT["PATH"], "MCP_AUTH_BRIDGE_HOME": str(here.folder), "FILES_KEY": API_KEYS[0]}
    with RawClient([command(), *shlex.split(block("headless"))[1:]], environment) as client:
        client.initialize()
        assert text(client.call("count")).isdigit()


def in_a_shell(here: Here, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of the document with sh, where `mcp-auth-bridge` on PATH is the command under test."""
    here.write("bin/mcp-auth-bridge", f'#!/bin/sh\nexec "{command()}" "$@"\n').chmod(0o700)
    return subprocess.run(
        ["sh", "-eu", "-c", line],
        cwd=here.folder,
        env={"PATH": f"{here.folder / 'bin'}:{ENVIRONMENT['PATH']}", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )


def test_an_empty_environment_is_enough(here: Here) -> None:
    here.write("config.toml", here.moved(of_kind("headers")))
    done = in_a_shell(here, block("empty environment").replace("FILES_KEY=…", f"FILES_KEY={API_KEYS[0]}"), HIDDEN="x")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().isdigit()


def test_the_documented_scripts_get_a_token_and_results(here: Here) -> None:
    here.write("config.toml", here.moved(of_kind("client_credentials")))
    here.write("report.py", '#!/bin/sh\ntest -n "$MCP_TOKEN" && echo reported\n').chmod(0o700)
    done = in_a_shell(here, block("scripts"), MCP_AUTH_BRIDGE_HOME=str(here.folder), FILES_SECRET=CLIENT_SECRET)
    assert (done.returncode, done.stderr) == (0, "")
    token, result = done.stdout.split("reported\n")
    assert "expires_at" in json.loads(token)
    assert json.loads(result)


def works(here: Here, example: str, **environment: str) -> None:
    path = here.write("config.toml", here.moved(example))
    home = {"MCP_AUTH_BRIDGE_HOME": str(here.folder / "home")}
    done = here.run("--config", str(path), "call", "files", "count", **home, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().isdigit()


def of_kind(kind: str) -> str:
    """The first configuration with this kind of auth."""
    return next(example for example in blocks("toml") if f'kind = "{kind}"' in example)


def test_an_api_key_needs_only_its_variable(here: Here) -> None:
    works(here, of_kind("headers"), FILES_KEY=API_KEYS[0])
    assert here.token_requests() == 0


def test_a_token_comes_from_a_command(here: Here) -> None:
    path = here.write("machine.toml", here.moved(of_kind("client_credentials")))
    token = here.run("--config", str(path), "token", "files", FILES_SECRET=CLIENT_SECRET).stdout.strip()
    here.write("bin/acme-cli", f"#!/bin/sh\necho {token}\n").chmod(0o700)
    works(here, of_kind("bearer"), PATH=f"{here.folder / 'bin'}:{ENVIRONMENT['PATH']}")


def test_client_credentials_need_only_their_secret(here: Here) -> None:
    assert CLIENT in of_kind("client_credentials")
    works(here, of_kind("client_credentials"), FILES_SECRET=CLIENT_SECRET)


@pytest.mark.parametrize("kind", ["jwt_bearer", "token_exchange"])
def test_a_workload_needs_only_its_file(here: Here, kind: str) -> None:
    here.write("/var/run/secrets/tokens/files", workload_token(here.origin))
    works(here, of_kind(kind))
    assert here.token_requests() == 1


class Pod:
    """A pod of the manifest: its mounted volumes and its containers' commands."""

    def __init__(self, here: Here) -> None:
        self._here = here
        self._maps, deployment = yaml.safe_load_all(here.moved(block("kubernetes")))
        self._spec = deployment["spec"]["template"]["spec"]
        (self.init,) = self._spec["initContainers"]
        self._volumes = {volume["name"]: volume for volume in self._spec["volumes"]}
        for mount in self.init["volumeMounts"]:
            self._fill(Path(mount["mountPath"]), self._volumes[mount["name"]])

    @property
    def environment(self) -> dict[str, str]:
        return {entry["name"]: entry["value"] for entry in self.init["env"]}

    def _fill(self, place: Path, volume: dict[str, Any]) -> None:
        match volume:
            case {"configMap": _}:
                self._mount(place, self._maps["data"])
            case {"secret": _}:
                self._mount(place, {"key": "bWNwLWF1dGgtYnJpZGdlLWVuZC10by1lbmQtdGVzdHM=\n"})
            case {"projected": {"sources": [{"serviceAccountToken": token}]}}:
                self.tokens = place / token["path"]
                self._mount(place, {token["path"]: workload_token(token["audience"])})
            case {"emptyDir": _}:
                place.mkdir(parents=True)

    @staticmethod
    def _mount(place: Path, files: dict[str, str]) -> None:
        """Mounts as the kubelet does: each file is a link through a folder that is replaced as a whole."""
        version = place / "..2026_11_21"
        version.mkdir(parents=True)
        (place / "..data").symlink_to(version.name)
        for name, content in files.items():
            (version / name).write_text(content)
            (version / name).chmod(0o400)
            (place / name).symlink_to(f"..data/{name}")

    def check(self) -> subprocess.CompletedProcess[str]:
        """The init container."""
        return self._here.run(*self.init["command"][1:], **self.environment)

    def agent(self) -> RawClient:
        """The command that the agent's container starts for its client."""
        (container,) = self._spec["containers"]
        servers = json.loads(Path(container["command"][-1]).read_text())["mcpServers"]
        files = servers["files"]
        assert files["command"] == "mcp-auth-bridge"
        return RawClient([command(), *files["args"]], {"PATH": ENVIRONMENT["PATH"], **files["env"]})


def test_the_pod_checks_its_credential_and_its_agent_shares_the_token(here: Here) -> None:
    pod = Pod(here)
    checked = pod.check()
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "count" in checked.stdout
    with pod.agent() as first, pod.agent() as second:
        for agent in (first, second):
            agent.initialize()
            assert text(agent.call("count")).isdigit()
    assert here.token_requests() == 1


def test_a_token_that_the_kubelet_renews_is_reread(here: Here, running: Peer) -> None:
    pod = Pod(here)
    with pod.agent() as agent:
        agent.initialize()
        assert text(agent.call("count")).isdigit()
        (pod.tokens.parent / "..2026_11_22").mkdir()
        (pod.tokens.parent / "..2026_11_22" / "files").write_text(workload_token(here.origin))
        (pod.tokens.parent / "..data_tmp").symlink_to("..2026_11_22")
        (pod.tokens.parent / "..data_tmp").rename(pod.tokens.parent / "..data")
        running.control(["refuse_seen_tokens"])
        assert text(agent.call("count")).isdigit()
    assert here.token_requests() == 2


def test_a_pod_with_a_token_for_another_audience_does_not_start(here: Here) -> None:
    pod = Pod(here)
    (pod.tokens.parent / "..data" / "files").chmod(0o600)
    (pod.tokens.parent / "..data" / "files").write_text(workload_token("https://somebody.else.example"))
    checked = pod.check()
    said = json.loads(checked.stderr)
    assert checked.returncode == said["exit_code"] != 0
    assert (said["level"], said["server"], said["retry_safe"]) == ("error", "files", True)


@needs("curl", "jq")
def test_the_job_exchanges_its_github_token(here: Here) -> None:
    workflow = yaml.safe_load(block("actions"))
    (*_, step) = workflow["jobs"]["triage"]["steps"]
    here.write(".github/mcp/config.toml", here.moved(block("actions config")))
    here.write(".github/mcp/identity.sh", here.moved(block("actions script")))
    asked = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{here.origin}/workload?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": WORKLOAD_REQUEST,
    }
    done = here.run(*shlex.split(step["run"])[1:], HOME=str(here.folder), **asked)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().isdigit()


def test_the_unit_reads_its_systemd_credential(here: Here) -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read_string(here.moved(block("systemd")).replace("%S", str(here.folder / "state")))
    service = unit["Service"]
    name, _, source = service["LoadCredential"].partition(":")
    assert source.startswith(str(here.folder))
    here.write(f"credentials/{name}", API_KEYS[0])
    program, *arguments = shlex.split(service["ExecStart"])
    here.write(f"{arguments[1].removeprefix(str(here.folder))}", here.moved(block("systemd config")))
    variable, _, value = service["Environment"].partition("=")
    given = {variable: value, "CREDENTIALS_DIRECTORY": str(here.folder / "credentials")}
    done = here.run(*arguments, **given)
    assert Path(program).name == "mcp-auth-bridge"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().isdigit()
