"""The commands that write into the files of clients, with their options and help texts."""

from mcp_auth_bridge.cli import options


def add_install(commands: "options.Commands") -> None:
    text = """Let a client use a server: log in if that is missing, and write the entry into the file that it reads.

Only the entry changes: comments, other servers and the layout of the file stay, and the first version of the file is
kept beside it. A file that cannot be read is left alone, and the entry is printed. Without a client, the clients on
this machine are listed."""
    example = """  mcp-auth-bridge install claude-code acme
  mcp-auth-bridge install cursor https://mcp.acme.example/mcp
  mcp-auth-bridge install kiro acme --dry-run
  mcp-auth-bridge install --all acme
  mcp-auth-bridge install --migrate --dry-run"""
    parser = options.add_command(commands, "install", text, example)
    parser.add_argument("client", metavar="CLIENT", nargs="?", help=options.CLIENT_HELP)
    parser.add_argument("server", metavar="NAME|URL", nargs="?", help=f"{options.TARGET_HELP} (default: the only one)")
    parser.add_argument("--all", action="store_true", help="every client that is found on this machine")
    parser.add_argument("--workspace", action="store_true", help="only in the project in this folder")
    parser.add_argument("--dry-run", action="store_true", help="show the change and write nothing")
    parser.add_argument(
        "--json",
        action="store_true",
        help="for programs: print the clients, with --dry-run the changes, or with --migrate the entries, as JSON",
    )
    parser.add_argument("--replace", action="store_true", help="replace another server that has the same name there")
    parser.add_argument(
        "--migrate",
        action="store_true",
        help="convert entries of mcp-remote, mcp-proxy, fastmcp-remote, mcp-stdio and supergateway",
    )
    parser.add_argument("--no-login", action="store_true", help="do not log in; the first tool call will ask for it")
    options.add_allow_http(parser)


def add_uninstall(commands: "options.Commands") -> None:
    text = """Remove the entries of the bridge from a client, or from all clients, and nothing else.

Logins stay; `logout` ends them. With --everything, nothing of the bridge stays on this machine but the program: it
also ends the logins and their registrations, and deletes keys, secrets, memory, log files and the configuration."""
    example = """  mcp-auth-bridge uninstall claude-code acme
  mcp-auth-bridge uninstall cursor
  mcp-auth-bridge uninstall --all acme
  mcp-auth-bridge uninstall --everything"""
    parser = options.add_command(commands, "uninstall", text, example)
    parser.add_argument("client", metavar="CLIENT", nargs="?", help=options.CLIENT_HELP)
    parser.add_argument("server", metavar="NAME|URL", nargs="?", help=f"{options.TARGET_HELP} (default: every one)")
    parser.add_argument("--all", action="store_true", help="every client")
    parser.add_argument("--workspace", action="store_true", help="from the project in this folder instead")
    parser.add_argument("--everything", action="store_true", help="all that the bridge has on this machine; asks first")
    parser.add_argument("--yes", action="store_true", help="with --everything: do not ask")
