"""The first code that runs.

Until a command listens to SIGINT, it simply ends the process: a KeyboardInterrupt that falls into a destructor, of
which the import machinery has some, is dropped by Python, and the process would live on.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)

from mcp_auth_bridge.cli.main import main  # noqa: E402 - the signal first, then the imports that it is about

if __name__ == "__main__":
    main()
