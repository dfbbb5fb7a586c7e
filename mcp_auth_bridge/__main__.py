"""The first code that runs.

Until a command handles SIGINT, the signal simply ends the process. As a KeyboardInterrupt, it might reach a destructor
(the import machinery has some), where Python drops it, and the process would go on.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)

from mcp_auth_bridge.cli.main import main  # noqa: E402 - the signal first, then the imports that it is about

if __name__ == "__main__":
    main()
