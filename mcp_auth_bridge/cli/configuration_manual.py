"""The commands that change the configuration file, with their options and help texts."""

import argparse

from mcp_auth_bridge.cli import options


def add_add(commands: "options.Commands") -> None:
    text = """Add a server to the configuration file. Every other line of the file stays as it is.

The server is a URL, the name of a well-known one (a preset), or described by a document (--from). Without a name it is
called after its host. Without arguments, the command asks for all it needs, also the server itself. A secret is never
written: a value says where it is, as env:NAME, file:PATH, command:PROGRAM or keyring:NAME."""
    example = """  mcp-auth-bridge add acme https://mcp.acme.example/mcp
  mcp-auth-bridge add https://mcp.acme.example/mcp --header 'X-Acme-Org: 42'
  mcp-auth-bridge add tools https://tools.example.org/mcp \\
      --header 'Authorization: Bearer env:TOOLS_TOKEN'
  mcp-auth-bridge add --search jira
  mcp-auth-bridge add atlassian
  mcp-auth-bridge add work github --set key=keyring:work-github
  mcp-auth-bridge add --from https://acme.example/server.json"""
    parser = options.add_command(commands, "add", text, example)
    parser.add_argument(
        "words",
        metavar="[NAME] URL|PRESET",
        nargs="*",
        help="the server, after its name (default: you are asked)",
    )
    parser.add_argument("--preset", metavar="PRESET", help="a well-known server, as in the list of --search")
    parser.add_argument("--search", metavar="WORDS", help="list the well-known servers with these words, '' for all")
    parser.add_argument("--json", action="store_true", help="with --search: print a JSON list of objects, for programs")
    parser.add_argument(
        "--from",
        metavar="FILE|URL",
        dest="source",
        help="read the URL and the headers from a server.json of the MCP registry, or from an MCP Server Card",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a value that a preset or a description asks for; a secret one is env:NAME, file:PATH, …",
    )
    options.add_header(parser)
    options.add_auth(parser)
    _add_login_keys(parser)
    options.add_ipv4(parser)
    options.add_allow_http(parser)


def _add_login_keys(parser: argparse.ArgumentParser) -> None:
    login = parser.add_argument_group("login", "settings of a login in the browser, where the server does not say them")
    login.add_argument("--scope", action="append", default=[], metavar="SCOPE", help="ask for this scope")
    login.add_argument("--client-id", metavar="ID", help="a client that you registered yourself; goes with --issuer")
    login.add_argument(
        "--client-secret", metavar="FROM", help="its secret: env:NAME, file:PATH, command:PROGRAM or keyring:NAME"
    )
    login.add_argument("--issuer", metavar="URL", help="the authorization server")


def add_list(commands: "options.Commands") -> None:
    text = "List the servers: the name of each, how it authenticates, and the state of its login."
    example = """  mcp-auth-bridge list
  mcp-auth-bridge list --json"""
    parser = options.add_command(commands, "list", text, example)
    parser.add_argument("--json", action="store_true", help="for programs: print a JSON list of objects")


def add_remove(commands: "options.Commands") -> None:
    text = """Remove a server from the configuration file. Every other line of the file stays as it is.

A login, secrets and entries of IDEs stay; the command says which, and how to remove them."""
    parser = options.add_command(commands, "remove", text, "  mcp-auth-bridge remove acme")
    parser.add_argument("name", metavar="SERVER", help="a server in the configuration")


def add_edit(commands: "options.Commands") -> None:
    text = """Open the configuration file in your editor ($VISUAL or $EDITOR), and check it afterwards.

A mistake is shown with its line, and the file opens there again. Your text is kept in any case."""
    example = """  mcp-auth-bridge edit
  EDITOR='code --wait' mcp-auth-bridge edit acme"""
    parser = options.add_command(commands, "edit", text, example)
    parser.add_argument("name", metavar="SERVER", nargs="?", help="begin at this server")
