"""The first code that runs. For `run` it takes stdin and stdout away before anything else can touch them."""

from mcp_auth_bridge.cli import main

if __name__ == "__main__":
    main()
