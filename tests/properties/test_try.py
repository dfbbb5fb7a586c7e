"""`./try` on machines with few programs: what it finds or installs, where, and its error when nothing works."""

import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "try"
UV = os.environ.get("UV") or shutil.which("uv")
LIBRARY = Path(sysconfig.get_path("stdlib"))
TOOLS = ("cksum", "cut", "dirname", "grep", "id", "mkdir", "mktemp", "mv", "rm", "sed", "sh", "tail")

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="a script for sh"),
    pytest.mark.skipif(UV is None, reason="uv is not on PATH: start the tests with `uv run pytest`"),
]


def write_wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> None:
    about = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, content in {**files, f"{about}/RECORD": record.encode()}.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = 0o100755 << 16
            wheel.writestr(entry, content)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel with two scripts that start the uv of this test run, and the wheel of this Python's pip."""
    folder = tmp_path_factory.mktemp("wheels")
    script = f'#!/bin/sh\nexec "{UV}" "$@"\n'.encode()
    write_wheel(folder, "uv", "1", {f"uv-1.data/scripts/{name}": script for name in ("uv", "uvx")})
    bundled = list((LIBRARY / "ensurepip" / "_bundled").glob("pip-*.whl"))
    if not bundled:
        pytest.skip("this Python comes without ensurepip")
    shutil.copy(bundled[0], folder)
    return folder


@pytest.fixture
def index(wheels: Path, tmp_path: Path) -> Iterator[str]:
    """The simple repository API (PEP 503) for these wheels, on loopback."""
    site = tmp_path / "site"
    for name in ("pip", "uv"):
        page = site / "simple" / name / "index.html"
        page.parent.mkdir(parents=True)
        (wheel,) = wheels.glob(f"{name}-*.whl")
        page.write_text(f'<!DOCTYPE html><a href="../../{wheel.name}">{wheel.name}</a>')
        (site / wheel.name).symlink_to(wheel)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
        thread.join()


class Machine:
    """A home, and a PATH with only `TOOLS` until `has` adds more."""

    def __init__(self, folder: Path) -> None:
        self.home, self.bin, self.python_home = folder / "home", folder / "bin", folder / "python"
        self.home.mkdir()
        self.bin.mkdir()
        self.environment = {"HOME": str(self.home), "PATH": str(self.bin), "PYTHONDONTWRITEBYTECODE": "1"}
        for tool in TOOLS:
            (self.bin / tool).symlink_to(str(shutil.which(tool)))

    def has(self, name: str, script: str) -> None:
        (self.bin / name).unlink(missing_ok=True)  # it may be a link to the real program, which must not be overwritten
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    def has_python(self, wheels: Path, *modules: str) -> None:
        """This Python as systems ship it: externally managed (PEP 668), with `modules` out of pip and ensurepip."""
        own = self.python_home / LIBRARY.relative_to(sys.base_prefix)
        own.mkdir(parents=True)
        for entry in LIBRARY.iterdir():
            if entry.name not in {"site-packages", "dist-packages", "ensurepip", "EXTERNALLY-MANAGED"}:
                (own / entry.name).symlink_to(entry)
        (own / "EXTERNALLY-MANAGED").write_text("[externally-managed]\nError=this belongs to the system\n")
        (own / "site-packages").mkdir()
        if "ensurepip" in modules:
            (own / "ensurepip").symlink_to(LIBRARY / "ensurepip")
        if "pip" in modules:
            (wheel,) = wheels.glob("pip-*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(own / "site-packages")
        self.has("python3", f'PYTHONHOME="{self.python_home}" exec "{sys._base_executable}" "$@"')

    def tries(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(SCRIPT), *arguments],
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def files(self) -> set[str]:
        """All files except the caches of pip and uv."""
        found = (path.relative_to(self.home.parent) for path in self.home.parent.rglob("*") if not path.is_dir())
        caches = {("home", ".cache", "pip"), ("home", ".cache", "uv")}
        return {str(path) for path in found if path.parts[:3] not in caches}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


MADE = {"home/.cache/mcp-auth-bridge/bin/uv", "home/.cache/mcp-auth-bridge/bin/uvx"}


def gets_uv(machine: Machine, **environment: str) -> None:
    """Asserts that uv is installed into the cache folder and nowhere else, and then reused."""
    before = machine.files()
    done = machine.tries("uv", "--version", PIP_DISABLE_PIP_VERSION_CHECK="1", **environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("uv ")
    assert f"putting one into {machine.home}/.cache/mcp-auth-bridge/bin" in done.stderr
    assert machine.files() - before == MADE
    assert before <= machine.files()
    again = machine.tries("uv", "--version")
    assert (again.returncode, again.stdout, again.stderr) == (0, done.stdout, "")


@pytest.mark.parametrize("modules", [["pip"], ["ensurepip"], ["pip", "ensurepip"], []], ids=" ".join)
def test_an_externally_managed_python_is_enough(machine: Machine, wheels: Path, modules: list[str]) -> None:
    machine.has_python(wheels, *modules)
    gets_uv(machine, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheels))


def test_pip_settings_that_forbid_its_use_do_not_prevent_it(machine: Machine, wheels: Path) -> None:
    machine.has_python(wheels, "pip")
    settings = {"PIP_USER": "1", "PIP_REQUIRE_VIRTUALENV": "1", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    gets_uv(machine, **settings)


@pytest.mark.parametrize("modules", [["pip"], []], ids=["pip", "no pip"])
@pytest.mark.parametrize("variable", ["PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_a_configured_index_is_used(
    machine: Machine, wheels: Path, index: str, variable: str, modules: list[str]
) -> None:
    machine.has_python(wheels, *modules)
    gets_uv(machine, **{variable: index})


@pytest.mark.parametrize("place", [".config/pip/pip.conf", ".pip/pip.conf", "elsewhere.conf"])
def test_an_index_in_a_pip_configuration_file_is_used(machine: Machine, wheels: Path, index: str, place: str) -> None:
    machine.has_python(wheels)
    file = machine.home / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"[global]\nindex-url = {index}\n")
    gets_uv(machine, **({} if place.startswith(".") else {"PIP_CONFIG_FILE": str(file)}))


def test_uv_uses_the_index_of_pip_unless_it_has_its_own(machine: Machine, wheels: Path, index: str) -> None:
    machine.has_python(wheels)
    machine.has("uv", f'case "$1" in run) exec "{UV}" "$@" ;; esac; echo "$UV_DEFAULT_INDEX"')
    assert machine.tries("uv", PIP_INDEX_URL=index).stdout == f"{index}\n"
    assert (
        machine.tries("uv", PIP_INDEX_URL=index, UV_DEFAULT_INDEX="http://127.0.0.1:9").stdout == "http://127.0.0.1:9\n"
    )
    assert machine.tries("uv").stdout == "\n"


def test_debians_pip_is_used_without_being_installed(machine: Machine, wheels: Path) -> None:
    """`apt-get` and `dpkg-deb` are stand-ins: `.ci/run` does this on a real Debian."""
    machine.has_python(wheels)
    (wheel,) = wheels.glob("pip-*.whl")
    machine.has("apt-get", 'case "$*" in *Dir::State::Lists*download*) : >x.deb ;; *update) ;; *) exit 100 ;; esac')
    place = "usr/share/python-wheels"
    machine.has("dpkg-deb", f'mkdir -p "$3/{place}" && "{shutil.which("cp")}" "{wheel}" "$3/{place}/"')
    uv_alone = machine.home.parent / "uv"
    uv_alone.mkdir()
    (uv_alone / "uv-1-py3-none-any.whl").symlink_to(wheels / "uv-1-py3-none-any.whl")
    gets_uv(machine, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(uv_alone))


def test_a_uv_on_path_is_used(machine: Machine) -> None:
    (machine.bin / "uv").symlink_to(str(UV))
    done = machine.tries("uv", "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.files() & MADE == set()


def test_a_uv_that_is_too_old_or_does_not_work_is_skipped(machine: Machine, wheels: Path) -> None:
    machine.has_python(wheels, "pip")
    machine.has("uv", "echo 'pyenv: uv: command not found' >&2; exit 127")
    gets_uv(machine, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheels))


# Nothing works


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The last line, which is the whole explanation."""
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr.splitlines()[-1]


def test_when_nothing_works_the_needed_command_is_named_and_nothing_is_left(machine: Machine, wheels: Path) -> None:
    machine.has_python(wheels)
    before = machine.files()
    said = refusal(machine.tries("demo", PIP_NO_INDEX="1"))
    log = "home/.cache/mcp-auth-bridge/try.log"
    assert (
        said == f"try: uv could not be fetched ({machine.home.parent}/{log} says why): install uv and start this again"
    )
    assert machine.files() - before == {log}
    machine.has("apt-get", "exit 100")
    said = refusal(machine.tries("demo", PIP_NO_INDEX="1"))
    assert "run “apt-get update && apt-get install python3-pip ca-certificates”, with sudo if need be" in said


def test_without_python_and_uv_the_needed_command_is_named(machine: Machine) -> None:
    assert "install python3 and start this again" in refusal(machine.tries("test"))
    machine.has("apt-get", "exit 100")
    machine.has("id", "echo 1000")
    assert "run “apt-get update && apt-get install python3”, with sudo if need be" in refusal(machine.tries("test"))


def test_a_read_only_cache_folder_is_named(machine: Machine) -> None:
    said = refusal(machine.tries("demo", XDG_CACHE_HOME="/dev/null"))
    assert said == (
        "try: /dev/null/mcp-auth-bridge cannot be written to: set XDG_CACHE_HOME to a folder that you may write to"
    )
    del machine.environment["HOME"]
    assert "HOME is not set: set XDG_CACHE_HOME" in refusal(machine.tries("demo"))


# The started commands


def test_the_arguments_reach_the_command_and_its_environment_is_outside_the_clone(machine: Machine) -> None:
    machine.has("uv", f'case "$*" in "run --help") exec "{UV}" "$@" ;; esac; echo "$UV_PROJECT_ENVIRONMENT" "$@"')
    ours, *words = machine.tries("test", "-k", "a b").stdout.split(" ")
    assert Path(ours).parent == machine.home / ".cache/mcp-auth-bridge"
    assert " ".join(words) == "run pytest -k a b\n"
    demo = machine.tries("demo", "--no-browser", UV_PROJECT_ENVIRONMENT="/chosen").stdout
    assert demo == "/chosen run --no-dev --extra demo mcp-auth-bridge demo --no-browser\n"


def test_as_root_the_programs_that_the_tests_need_are_installed(machine: Machine) -> None:
    machine.has("uv", f'case "$*" in "run --help") exec "{UV}" "$@" ;; esac; echo "$@"')
    machine.has("id", "echo 0")
    machine.has("apt-get", f'echo "$*" >>"{machine.home}/apt"; exit 100')
    machine.has("strace", "exit 0")
    done = machine.tries("test")
    assert (done.returncode, done.stdout) == (0, "run pytest\n")
    assert "the tests that need the others are skipped" in done.stderr
    machine.has("apt-get", f'echo "$*" >>"{machine.home}/apt"')
    assert machine.tries("test").returncode == 0
    assert (
        (machine.home / "apt")
        .read_text()
        .splitlines()[-1]
        .endswith(
            " install --yes --no-install-recommends"
            " curl dbus gnome-keyring iproute2 jq nodejs nginx-light npm redis-server valgrind xdg-utils"
        )
    )
    machine.has("id", "echo 1000")
    (machine.home / "apt").unlink()
    machine.tries("test")
    assert not (machine.home / "apt").exists()


def test_without_a_known_subcommand_the_subcommands_are_listed(machine: Machine) -> None:
    for arguments in ([], ["dmo"]):
        done = machine.tries(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert [line.split()[1] for line in done.stderr.splitlines()] == ["demo", "test", "uv"]


@pytest.mark.parametrize("shell", ["sh", "dash", "bash", "busybox sh", "ksh", "zsh"])
def test_each_shell_can_parse_the_script(shell: str) -> None:
    argv = shell.split()
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed")
    done = subprocess.run([*argv, "-n", SCRIPT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
