"""Entries of clients, and the machine that they are on, for the checks of doctor."""

import os

from mcp_auth_bridge.clients.client import Platform, System
from mcp_auth_bridge.clients.entries import Entry
from mcp_auth_bridge.doctor.client_entries import sort_entries
from mcp_auth_bridge.secret import Secret


def executable(folder, name="mcp-auth-bridge", text="#!/bin/sh\n"):
    """A new program in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def system_at(folder, platform=Platform.LINUX, **environ):
    """A machine whose home is `folder`; its terminal finds programs in `folder/bin`."""
    path = f"{folder / 'bin'}{os.pathsep}{os.defpath}"
    return System(platform, str(folder), "", {"HOME": str(folder), "PATH": path, **environ})


def entry_of(client, *argv, number=0, env=None, disabled=False, forwards=()):
    """The entry `mine` in the file `number` of `client`."""
    env = {name: Secret(value) for name, value in (env or {}).items()}
    return Entry(client, client.files[number], "/mcp.json", "mine", argv, env, forwards, disabled=disabled)


def sorted_entries(bridge, context, *entries):
    return sort_entries(entries, bridge, context)
