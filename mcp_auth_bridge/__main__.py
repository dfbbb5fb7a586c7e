"""The first code that runs, so its order matters.

Garbage is not collected before the event loop runs: what the imports make stays, and each collection would look through
all of it.

Until a command handles SIGINT, the signal simply ends the process. As a KeyboardInterrupt, it might reach a destructor
(the import machinery has some), where Python drops it, and the process would go on.
"""
# ruff: noqa: E402 - see above

import gc

gc.disable()

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)

from mcp_auth_bridge.shell.process import lean_imports

lean_imports.load_argparse()

from mcp_auth_bridge.cli.main import main

if __name__ == "__main__":
    main()
