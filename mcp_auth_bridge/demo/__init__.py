"""What `mcp-auth-bridge demo` talks to: an authorization server, a protected MCP server, someone who clicks Allow."""
