"""A local stdio MCP server that stands between an IDE and a remote, protected MCP server.

Read in this order: `effects` (what a login may ask the shell to do), `oauth.login` (the whole login on one page),
`relay.base` (what may happen to a message), `commands.run` (how the two meet).
"""

__version__ = "0.1.0"
