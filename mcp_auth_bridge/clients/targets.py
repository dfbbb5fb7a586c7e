"""All clients to which `install` writes, by the names that it takes."""

from mcp_auth_bridge.clients import graphical_targets, terminal_targets

TARGETS = {target.key: target for target in (*graphical_targets.TARGETS, *terminal_targets.TARGETS)}
