"""Separate environments for peers with packages that conflict with the project's: made once per machine, then shared.

They see the registry as of `exclude-newer` in pyproject.toml, like the project's own.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from filelock import FileLock
from platformdirs import user_cache_path

PROJECT = Path(__file__).parents[3] / "pyproject.toml"
# `uv` must choose these itself, not take them from the environment that the tests run in.
NOT_THEIRS = {"VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "PYTHONPATH", "PYTHONHOME"}


def python_with(*requirements: str) -> str:
    """A Python with `requirements`. If they cannot be installed, skips the test and says so."""
    frozen: str = tomllib.loads(PROJECT.read_text())["tool"]["uv"]["exclude-newer"]
    identity = "\n".join([sys.version, sys.base_prefix, frozen, *requirements])
    name = re.split(r"[^\w.-]", requirements[0])[0]
    folder = user_cache_path("mcp-auth-bridge-tests") / f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    complete = folder / "complete"
    with FileLock(f"{folder}.lock"):
        if not complete.exists():
            _install(folder, frozen, requirements)
            complete.touch()
    return str(next(path for path in (folder / "bin/python", folder / "Scripts/python.exe") if path.exists()))


def _install(folder: Path, frozen: str, requirements: tuple[str, ...]) -> None:
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        pytest.skip(f"uv is missing, which installs {', '.join(requirements)}")
    shutil.rmtree(folder, ignore_errors=True)
    environment = {name: value for name, value in os.environ.items() if name not in NOT_THEIRS}
    for command in (
        [uv, "venv", "--quiet", "--python", sys.base_prefix, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(folder), "--exclude-newer", frozen, *requirements],
    ):
        done = subprocess.run(command, cwd=folder.parent, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{', '.join(requirements)} cannot be installed here: {done.stderr.strip()[-500:]}")
