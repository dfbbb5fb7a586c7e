"""Processes that all fetch or create one sealing key at the same moment."""

import subprocess
import sys
import textwrap

CREATE = """
    import os, sys
    from pathlib import Path
    from mcp_auth_bridge.shell.files.lock import Locks
    from mcp_auth_bridge.stores.keys import KeyFile, sealing_key
    from mcp_auth_bridge.stores.os_keyring import KeyringKey
    folder = Path(sys.argv[1])
    source = KeyFile(folder / "key") if sys.argv[2] == "file" else KeyringKey()
    print("ready", flush=True)
    sys.stdin.readline()
    print(sealing_key(source, os.urandom, Locks(folder / "locks").mutex, folder / "records").hex())
"""


def created_by(count, folder, kind, environment=None):
    """The keys that `count` processes end with when all begin at once."""
    command = [sys.executable, "-c", textwrap.dedent(CREATE), str(folder), kind]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) for _ in range(count)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate()[0].strip() for process in processes]
