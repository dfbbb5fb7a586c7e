"""Installs the bridge and its peers into the cache folder, each as its users do, and measures their sizes."""

import os
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).parent / ".cache"
PROJECT = Path(__file__).parents[2]
UV = os.environ.get("UV", "uv")  # `uv run` names itself


class NotInstalled(Exception):
    pass


def bridge() -> Path:
    """The command of the current working tree."""
    return python_command("mcp-auth-bridge", str(PROJECT), "--reinstall-package", "mcp-auth-bridge", renew=True)


def python_command(name: str, package: str, *options: str, renew: bool = False) -> Path:
    """The command `name` of `package`, in its own environment of this Python. Raises `NotInstalled`."""
    folder = CACHE / name
    command = folder / "bin" / name
    if renew or not command.exists():
        _run(UV, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
        _run(UV, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder), *options, package)
    return command


def node_script(package: str, version: str, script: str) -> Path:
    """`script` of an npm package. Raises `NotInstalled`."""
    folder = CACHE / package
    path = folder / "node_modules" / package / script
    if not path.exists():
        _run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), f"{package}@{version}")
    return path


def weight(name: str) -> tuple[int, int]:
    """The size in bytes and the number of installed packages, without the interpreter and compiled copies."""
    folder = CACHE / name
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path.suffix != ".pyc"]
    installed = [path for path in files if not path.is_relative_to(folder / "bin")]
    python = len(list(folder.glob("lib/*/site-packages/*.dist-info")))
    return sum(path.stat().st_size for path in installed), python or _node_packages(folder)


def _node_packages(folder: Path) -> int:
    """Packages are directly in a `node_modules`, or in the folder of their scope there."""
    packages = [*folder.rglob("node_modules/*/package.json"), *folder.rglob("node_modules/@*/*/package.json")]
    return len(packages)


def _run(*argv: str) -> None:
    CACHE.mkdir(exist_ok=True)
    try:
        done = subprocess.run(argv, cwd=CACHE, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NotInstalled(f"{argv[0]} is missing") from None
    if done.returncode != 0:
        raise NotInstalled((done.stderr.strip() or f"{argv[0]} ended with {done.returncode}").splitlines()[-1])
