"""The command that an IDE's entry names to start the program again."""

import shlex
import sys

import pytest

from mcp_auth_bridge.shell.process import invocation as invocation_module
from mcp_auth_bridge.shell.process.invocation import adding_command, invocation, removal_command


@pytest.fixture
def program(tmp_path):
    """A call makes a program of that name in a folder of its own."""

    def make(name, folder="bin"):
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch(0o700)
        return path

    return make


def test_an_installed_command_is_named_by_its_full_path(monkeypatch, program):
    path = program("mcp-auth-bridge")
    monkeypatch.chdir(path.parent)
    for begun in (str(path), "./mcp-auth-bridge"):
        monkeypatch.setattr(sys, "argv", [begun])
        assert invocation() == (str(path),)


def test_a_link_is_named_by_its_own_path(monkeypatch, program, tmp_path):
    (tmp_path / "mcp-auth-bridge").symlink_to(program("mcp-auth-bridge"))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "mcp-auth-bridge")])
    assert invocation() == (str(tmp_path / "mcp-auth-bridge"),)


def test_a_module_is_started_by_the_command_beside_its_python_or_by_that_python(monkeypatch, program):
    python = program("python", "venv")
    monkeypatch.setattr(sys, "argv", ["/somewhere/mcp_auth_bridge/__main__.py"])
    monkeypatch.setattr(sys, "executable", str(python))
    assert invocation() == (str(python), "-m", "mcp_auth_bridge")
    path = program("mcp-auth-bridge", "venv")
    assert invocation() == (str(path),)


@pytest.mark.parametrize("known", [True, False])
def test_a_program_in_the_cache_of_uvx_is_started_by_uvx(monkeypatch, program, tmp_path, known):
    cached = program("mcp-auth-bridge", "uv/archive-v0/QCoeh-QcLdSFBNyN/bin")
    uv, uvx = program("uv", "tools"), program("uvx", "tools")
    monkeypatch.setattr(sys, "argv", [str(cached)])
    monkeypatch.setattr(sys, "prefix", str(cached.parents[1]))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("UV", raising=False)
    if known:
        monkeypatch.setenv("UV", str(uv))
    assert invocation() == (str(uvx) if known else "uvx", "mcp-auth-bridge")


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("uv-receipt.toml", "uv tool uninstall mcp-auth-bridge"),
        ("pipx_metadata.json", "pipx uninstall mcp-auth-bridge"),
    ],
)
def test_the_command_that_removes_the_program_is_that_of_its_installer(monkeypatch, tmp_path, file, words):
    (tmp_path / file).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert removal_command() == words


def test_the_cache_of_uvx_is_cleaned(monkeypatch):
    monkeypatch.setattr(sys, "prefix", "/home/u/.cache/uv/archive-v0/abc")
    assert removal_command() == "uv cache clean mcp-auth-bridge"


def test_an_environment_of_ones_own_is_named_with_the_pip_that_it_has(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/home/u/my venv/bin/python")
    monkeypatch.setattr(invocation_module, "find_spec", lambda name: name)
    assert removal_command() == "'/home/u/my venv/bin/python' -m pip uninstall mcp-auth-bridge"
    monkeypatch.setattr(invocation_module, "find_spec", lambda name: None)
    assert removal_command() == "uv pip uninstall --python '/home/u/my venv/bin/python' mcp-auth-bridge"


@pytest.mark.parametrize(
    ("pip", "installer"),
    [
        ("pip", "'/home/u/my venv/bin/python' -m pip install"),
        (None, "uv pip install --python '/home/u/my venv/bin/python'"),
    ],
)
def test_the_packages_of_an_extra_are_added_to_the_programs_own_environment(monkeypatch, tmp_path, pip, installer):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/home/u/my venv/bin/python")
    monkeypatch.setattr(invocation_module, "find_spec", lambda name: pip)
    assert adding_command("redis") == f"{installer} 'redis<9,>=8'"
    assert [word.partition("<")[0] for word in shlex.split(adding_command("demo"))[-2:]] == ["mcp", "uvicorn"]


def test_pipx_adds_the_packages_of_an_extra_itself(monkeypatch, tmp_path):
    (tmp_path / "pipx_metadata.json").touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert adding_command("redis") == "pipx inject mcp-auth-bridge 'redis<9,>=8'"
