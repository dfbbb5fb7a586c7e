"""Well-known servers for developers: code, data, clouds, documents. Each row names its source and its date."""

from mcp_auth_bridge.catalogue.preset import Access, preset, with_key
from mcp_auth_bridge.catalogue.remote_server import RemoteServer, Variable

_OPEN, _LOGIN = Access.OPEN, Access.LOGIN

_CLOUDFLARE = ("https://github.com/cloudflare/mcp-server-cloudflare", "2026-07-30")
_ANTHROPIC = ("https://github.com/anthropics/claude-plugins-official", "2026-08-21")
_DOCKER = ("https://github.com/docker/mcp-registry", "2026-07-08")
_LIST = ("https://github.com/jaw9c/awesome-remote-mcp-servers", "2026-06-23")
_EXA = ("https://github.com/exa-labs/exa-mcp-server", "2026-08-20")

_SITE = Variable("site", "the Datadog site, as in datadoghq.eu", default="datadoghq.com")

DEVELOPER_PRESETS = (
    with_key(
        RemoteServer("github", "GitHub", "https://api.githubcopilot.com/mcp/"),
        "GITHUB_TOKEN",
        ("https://github.com/github/github-mcp-server", "2026-08-20"),
        "the key is a personal access token; a login needs an OAuth app of your own (docs/providers.md)",
    ),
    preset(RemoteServer("gitlab", "GitLab", "https://gitlab.com/api/v4/mcp"), _LOGIN, _ANTHROPIC),
    preset(
        RemoteServer("sentry", "Sentry", "https://mcp.sentry.dev/mcp"),
        _LOGIN,
        ("https://github.com/getsentry/sentry-mcp", "2026-08-18"),
    ),
    preset(
        RemoteServer("vercel", "Vercel", "https://mcp.vercel.com"),
        _LOGIN,
        ("https://vercel.com/docs/cli/mcp", "2026-05-29"),
    ),
    preset(RemoteServer("netlify", "Netlify", "https://netlify-mcp.netlify.app/mcp"), _LOGIN, _LIST),
    preset(
        RemoteServer("neon", "Neon", "https://mcp.neon.tech/mcp"),
        _LOGIN,
        ("https://github.com/neondatabase/mcp-server-neon", "2026-08-03"),
    ),
    preset(
        RemoteServer("supabase", "Supabase", "https://mcp.supabase.com/mcp"),
        _LOGIN,
        ("https://github.com/supabase-community/supabase-mcp", "2026-04-21"),
    ),
    preset(
        RemoteServer("prisma", "Prisma Postgres", "https://mcp.prisma.io/mcp"),
        _LOGIN,
        ("https://github.com/prisma/mcp", "2025-10-07"),
    ),
    preset(RemoteServer("pulumi", "Pulumi", "https://mcp.ai.pulumi.com/mcp"), _LOGIN, _DOCKER),
    preset(RemoteServer("buildkite", "Buildkite", "https://mcp.buildkite.com/mcp"), _LOGIN, _LIST),
    preset(RemoteServer("incident-io", "incident.io", "https://mcp.incident.io/mcp"), _LOGIN, _DOCKER),
    preset(
        RemoteServer("datadog", "Datadog", "https://mcp.{site}/api/unstable/mcp-server/mcp", variables=(_SITE,)),
        _LOGIN,
        ("https://github.com/datadog-labs/mcp-server", "2026-04-17"),
    ),
    preset(
        RemoteServer("globalping", "Globalping", "https://mcp.globalping.dev/mcp"),
        _LOGIN,
        ("https://github.com/jsdelivr/globalping-mcp-server", "2026-04-09"),
    ),
    preset(RemoteServer("semgrep", "Semgrep", "https://mcp.semgrep.ai/mcp"), _OPEN, _DOCKER),
    with_key(RemoteServer("greptile", "Greptile", "https://api.greptile.com/mcp"), "GREPTILE_API_KEY", _ANTHROPIC),
    preset(
        RemoteServer("postman", "Postman", "https://mcp.postman.com/minimal"),
        _LOGIN,
        ("https://github.com/postmanlabs/postman-mcp-server", "2026-07-24"),
        "with /code or /mcp in place of /minimal it has more tools",
    ),
    preset(RemoteServer("jam", "Jam", "https://mcp.jam.dev/mcp"), _LOGIN, _LIST),
    preset(RemoteServer("cloudflare", "Cloudflare", "https://mcp.cloudflare.com/mcp"), _LOGIN, _CLOUDFLARE),
    preset(
        RemoteServer("cloudflare-docs", "Cloudflare documentation", "https://docs.mcp.cloudflare.com/mcp"),
        _OPEN,
        _CLOUDFLARE,
    ),
    preset(
        RemoteServer(
            "cloudflare-observability",
            "Cloudflare Workers observability",
            "https://observability.mcp.cloudflare.com/mcp",
        ),
        _LOGIN,
        _CLOUDFLARE,
    ),
    preset(
        RemoteServer("cloudflare-builds", "Cloudflare Workers builds", "https://builds.mcp.cloudflare.com/mcp"),
        _LOGIN,
        _CLOUDFLARE,
    ),
    preset(
        RemoteServer("cloudflare-radar", "Cloudflare Radar", "https://radar.mcp.cloudflare.com/mcp"),
        _LOGIN,
        _CLOUDFLARE,
    ),
    preset(
        RemoteServer("context7", "Context7", "https://mcp.context7.com/mcp"),
        _OPEN,
        ("https://github.com/upstash/context7", "2026-08-21"),
        "with a login, at https://mcp.context7.com/mcp/oauth, the limits are higher",
    ),
    preset(RemoteServer("deepwiki", "DeepWiki", "https://mcp.deepwiki.com/sse", transport="sse"), _OPEN, _DOCKER),
    preset(RemoteServer("astro-docs", "Astro documentation", "https://mcp.docs.astro.build/mcp"), _OPEN, _DOCKER),
    preset(
        RemoteServer("microsoft-learn", "Microsoft Learn", "https://learn.microsoft.com/api/mcp"),
        _OPEN,
        ("https://github.com/MicrosoftDocs/mcp", "2026-05-10"),
    ),
    preset(
        RemoteServer("aws-knowledge", "AWS Knowledge", "https://knowledge-mcp.global.api.aws"),
        _OPEN,
        ("https://github.com/awslabs/mcp", "2026-08-21"),
    ),
    preset(
        RemoteServer("huggingface", "Hugging Face", "https://huggingface.co/mcp?login"),
        _LOGIN,
        ("https://github.com/huggingface/hf-mcp-server", "2026-08-21"),
        "without ?login it is open, and knows nothing of your account",
    ),
    preset(
        RemoteServer("exa", "Exa", "https://mcp.exa.ai/mcp"),
        _OPEN,
        _EXA,
        "with ?login at the end of the URL the limits are higher",
    ),
    preset(
        RemoteServer("apify", "Apify", "https://mcp.apify.com"),
        _LOGIN,
        ("https://github.com/apify/apify-mcp-server", "2026-08-21"),
    ),
    with_key(
        RemoteServer("tavily", "Tavily", "https://mcp.tavily.com/mcp/"),
        "TAVILY_API_KEY",
        ("https://github.com/tavily-ai/tavily-mcp", "2026-04-24"),
    ),
    preset(
        RemoteServer("firecrawl", "Firecrawl", "https://mcp.firecrawl.dev/v2/mcp-oauth"),
        _LOGIN,
        ("https://github.com/firecrawl/firecrawl-mcp-server", "2026-08-21"),
    ),
)
