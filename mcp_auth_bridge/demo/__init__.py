"""The demo: an authorization server, a protected MCP server, a program that clicks Allow, and the story with them."""
