"""The ways to install that the README names, each run as printed, in a copy of this clone with an empty home."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT, block

from mcp_auth_bridge import __version__

UV = os.environ.get("UV") or shutil.which("uv") or ""
WAYS = ("install with uv", "install with pipx", "install with pip", "install a wheel")

pytestmark = [
    pytest.mark.slow,  # each downloads our dependencies unless uv or pip has cached them
    pytest.mark.timeout(400),
    pytest.mark.skipif(not UV, reason="uv is not on PATH: start the tests with `uv run pytest`"),
    pytest.mark.skipif(os.name == "nt", reason="commands for sh"),
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    left_out = shutil.ignore_patterns("tests", ".git", ".venv", "dist", "__pycache__", ".*_cache", "uv.lock")
    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("clone") / "mcp-auth-bridge", ignore=left_out))


class Newcomer:
    """An empty home; its PATH has its `~/.local/bin`, uv and this Python, but nothing of this project."""

    def __init__(self, home: Path, clone: Path) -> None:
        self.clone, self.bin = clone, home / ".local/bin"
        tools = home / "tools"
        tools.mkdir()
        for name in ("uv", "uvx"):
            (tools / name).symlink_to(Path(UV).with_name(name))
        (tools / "python3").symlink_to(sys._base_executable)
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "UV_PYTHON_D"))}
        index = {name: os.environ[name] for name in ("UV_DEFAULT_INDEX", "UV_INDEX") if name in os.environ}
        path = f"{self.bin}:{tools}:/usr/local/bin:/usr/bin:/bin"
        caches = {"UV_CACHE_DIR": self._of_uv("cache", "dir")}
        python = {"UV_PYTHON": sys._base_executable, "PIPX_DEFAULT_PYTHON": sys._base_executable}
        self.environment = {**kept, **index, **caches, **python, "HOME": str(home), "PATH": path, "LANG": "C.UTF-8"}
        self.says(f"""{tools}/uv tool install --quiet --python "{sys._base_executable}" pipx""")

    @staticmethod
    def _of_uv(*words: str) -> str:
        return subprocess.run([UV, *words], capture_output=True, text=True, check=True).stdout.strip()

    def says(self, line: str) -> str:
        """The output of a shell command in the clone, which must succeed."""
        done = subprocess.run(
            ["sh", "-eu", "-c", line],
            cwd=self.clone,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def newcomer(tmp_path: Path, clone: Path) -> Newcomer:
    return Newcomer(tmp_path, clone)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_install_puts_the_command_where_the_readme_says(newcomer: Newcomer, way: str) -> None:
    newcomer.says(block("README.md", way))
    assert newcomer.says(block("README.md", "where it is")) == f"{newcomer.bin}/mcp-auth-bridge\n"
    assert newcomer.says("mcp-auth-bridge --version").split()[-1] == __version__


def test_uvx_starts_it_from_a_clone(newcomer: Newcomer) -> None:
    assert newcomer.says(f"uvx --from '{newcomer.clone}' mcp-auth-bridge --version").split()[-1] == __version__


@pytest.mark.parametrize("repair", ["uv tool update-shell", "pipx ensurepath"])
def test_the_documented_command_puts_the_folder_on_path(newcomer: Newcomer, repair: str) -> None:
    newcomer.says(block("README.md", "install with uv"))
    newcomer.environment["SHELL"] = "/bin/bash"
    newcomer.environment["PATH"] = newcomer.environment["PATH"].partition(":")[2]
    assert newcomer.says("command -v mcp-auth-bridge || true") == ""
    tool = f"{newcomer.bin}/pipx" if repair.startswith("pipx") else "uv"
    newcomer.says(repair.replace(repair.split(maxsplit=1)[0], tool))
    files = [Path(newcomer.environment["HOME"]) / name for name in (".bashrc", ".bash_profile", ".profile")]
    assert any(".local/bin" in file.read_text() for file in files if file.exists())
