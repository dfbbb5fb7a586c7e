"""Well-known servers for offices: plans, documents, customers, design. Each row names its source and its date."""

from mcp_auth_bridge.catalogue.preset import Access, preset
from mcp_auth_bridge.catalogue.remote_server import RemoteServer

_LOGIN, _OWN_CLIENT = Access.LOGIN, Access.OWN_CLIENT

_ANTHROPIC = ("https://github.com/anthropics/claude-plugins-official", "2026-08-21")
_CLAUDE = ("https://docs.claude.com/en/docs/agents-and-tools/remote-mcp-servers", "2026-11-30")
_DOCKER = ("https://github.com/docker/mcp-registry", "2026-07-08")
_LIST = ("https://github.com/jaw9c/awesome-remote-mcp-servers", "2026-06-23")

OFFICE_PRESETS = (
    preset(RemoteServer("linear", "Linear", "https://mcp.linear.app/mcp"), _LOGIN, _ANTHROPIC),
    preset(
        RemoteServer("notion", "Notion", "https://mcp.notion.com/mcp"),
        _LOGIN,
        ("https://developers.notion.com/guides/mcp/build-mcp-client", "2026-11-30"),
    ),
    preset(
        RemoteServer("atlassian", "Atlassian (Jira, Confluence)", "https://mcp.atlassian.com/v1/mcp/authv2"),
        _LOGIN,
        ("https://github.com/atlassian/atlassian-mcp-server", "2026-07-27"),
        "its metadata are of another issuer than the one that was asked for (docs/providers.md)",
        auth={"trusted_issuer": "https://auth.atlassian.com"},
    ),
    preset(
        RemoteServer("asana", "Asana", "https://mcp.asana.com/v2/mcp"),
        _OWN_CLIENT,
        ("https://developers.asana.com/docs/using-asanas-mcp-server", "2026-11-30"),
        "register an MCP app at Asana, and give its --client-id, --client-secret and --issuer",
    ),
    preset(
        RemoteServer("monday", "monday.com", "https://mcp.monday.com/mcp"),
        _LOGIN,
        ("https://github.com/mondaycom/mcp", "2026-07-23"),
    ),
    preset(
        RemoteServer("slack", "Slack", "https://mcp.slack.com/mcp"),
        _OWN_CLIENT,
        ("https://github.com/slackapi/slack-mcp-plugin", "2026-03-09"),
        "register an app at api.slack.com/apps, and give its client in --auth, as docs/providers.md shows",
    ),
    preset(RemoteServer("intercom", "Intercom", "https://mcp.intercom.com/mcp"), _LOGIN, _CLAUDE),
    preset(
        RemoteServer("hubspot", "HubSpot", "https://mcp.hubspot.com"),
        _OWN_CLIENT,
        (
            "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/integrate-with-hubspot-mcp-server",
            "2026-11-30",
        ),
        "make an MCP auth app at HubSpot, and give its --client-id, --client-secret and --issuer",
    ),
    preset(RemoteServer("box", "Box", "https://mcp.box.com"), _LOGIN, _CLAUDE),
    preset(RemoteServer("airtable", "Airtable", "https://mcp.airtable.com/mcp"), _LOGIN, _LIST),
    preset(RemoteServer("attio", "Attio", "https://mcp.attio.com/mcp"), _LOGIN, _LIST),
    preset(RemoteServer("close", "Close", "https://mcp.close.com/mcp"), _LOGIN, _LIST),
    preset(RemoteServer("fireflies", "Fireflies", "https://api.fireflies.ai/mcp"), _LOGIN, _DOCKER),
    preset(RemoteServer("granola", "Granola", "https://mcp.granola.ai/mcp"), _LOGIN, _DOCKER),
    preset(
        RemoteServer("zapier", "Zapier", "https://mcp.zapier.com/api/v1/connect"),
        _LOGIN,
        ("https://github.com/zapier/zapier-mcp", "2025-12-12"),
    ),
    preset(
        RemoteServer("stripe", "Stripe", "https://mcp.stripe.com"),
        _LOGIN,
        ("https://docs.stripe.com/mcp", "2026-11-30"),
    ),
    preset(RemoteServer("paypal", "PayPal", "https://mcp.paypal.com/mcp"), _LOGIN, _CLAUDE),
    preset(RemoteServer("morningstar", "Morningstar", "https://mcp.morningstar.com/mcp"), _LOGIN, _DOCKER),
    preset(
        RemoteServer("figma", "Figma", "https://mcp.figma.com/mcp"),
        _LOGIN,
        ("https://github.com/figma/mcp-server-guide", "2026-08-20"),
        "Figma registers only clients that it has approved (docs/providers.md)",
    ),
    preset(RemoteServer("canva", "Canva", "https://mcp.canva.com/mcp"), _LOGIN, _LIST),
    preset(RemoteServer("miro", "Miro", "https://mcp.miro.com/mcp"), _LOGIN, _DOCKER),
    preset(
        RemoteServer("webflow", "Webflow", "https://mcp.webflow.com/sse", transport="sse"),
        _LOGIN,
        ("https://github.com/webflow/mcp-server", "2026-04-11"),
    ),
)
