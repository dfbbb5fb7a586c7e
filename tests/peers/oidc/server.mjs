// An authorization server as one meets them in the wild: oidc-provider on loopback, with dynamic registration,
// required PKCE, resource indicators, JWT access tokens, rotating refresh tokens and reuse detection.
//
//   node server.mjs ['{"accessTokenTtl": 2}']      settings: see control.mjs
//
// Prints one JSON line with its URLs when it is ready. Ends when its stdin does, so no test leaves an orphan.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

import Provider from 'oidc-provider';

import { createStorage } from './adapter.mjs';
import { count, createControl } from './control.mjs';

const ACCOUNT = 'alice@example.test';
const SCOPE = 'mcp';
const TOKEN = '/token';
const REVOCATION = '/token/revocation';

function configuration(storage, control) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    adapter: storage.Adapter,
    clientDefaults: { grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'none' },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'test' }] },
    scopes: ['openid', 'offline_access', SCOPE],
    pkce: { required: () => true },
    responseTypes: ['code'],
    rotateRefreshToken: true,
    // Like most servers that MCP meets: whoever registered the grant type gets a refresh token, and it outlives the browser.
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: async () => false,
    findAccount: async (_ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: async (_ctx, resource) => ({
          scope: SCOPE,
          audience: control.state.settings.audience ?? resource,
          accessTokenTTL: control.state.settings.accessTokenTtl,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  };
}

const CONSENT_PAGE = (uid, client, scope) => `<!doctype html><title>Consent</title>
<p>Let ${client} use “${scope}”?</p>
<form method="post" action="/interaction/${uid}"><button name="answer" value="allow">Allow</button></form>`;

/** Login and consent on one page, whose form any HTTP client can send. */
function interaction(provider, control) {
  return async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next();
    const { uid, params, grantId } = await provider.interactionDetails(ctx.req, ctx.res);
    if (ctx.method === 'GET') {
      ctx.type = 'html';
      ctx.body = CONSENT_PAGE(uid, params.client_id, params.scope ?? SCOPE);
      return undefined;
    }
    if (control.state.settings.consent === 'deny') return finish({ error: 'access_denied' });
    const grant = grantId
      ? await provider.Grant.find(grantId)
      : new provider.Grant({ accountId: ACCOUNT, clientId: params.client_id });
    grant.addOIDCScope(params.scope ?? SCOPE);
    if (params.resource) grant.addResourceScope(params.resource, SCOPE);
    return finish({ login: { accountId: ACCOUNT }, consent: { grantId: await grant.save() } });

    function finish(result) {
      ctx.respond = false; // interactionFinished writes the redirect itself
      return provider.interactionFinished(ctx.req, ctx.res, result);
    }
  };
}

const FAILURES = {
  503: (ctx) => { ctx.status = 503; ctx.body = 'temporarily unavailable'; },
  html: (ctx) => { ctx.status = 403; ctx.type = 'html'; ctx.body = '<!doctype html><title>Blocked</title>'; },
};

/** Delay, count and, on demand, spoil the answers of the token endpoint. */
function tokenEndpoint(control) {
  return async (ctx, next) => {
    if (ctx.path !== TOKEN) return next();
    const { settings, counters } = control.state;
    counters.tokenRequests += 1;
    await delay(settings.tokenDelayMs);
    if (settings.tokenFailure) {
      const form = new URLSearchParams(await text(ctx.req));
      FAILURES[settings.tokenFailure](ctx);
      count(counters.token, form.get('grant_type'), String(ctx.status));
      return undefined;
    }
    await next();
    count(counters.token, ctx.oidc.params.grant_type, ctx.status === 200 ? 'success' : ctx.body.error);
    if (ctx.status === 200 && settings.expiresIn !== 'real') {
      const { expires_in: _real, ...rest } = ctx.body;
      ctx.body = settings.expiresIn === null ? rest : { ...rest, expires_in: settings.expiresIn };
    }
    return undefined;
  };
}

function countEvents(provider, control) {
  const on = (event, name) => provider.on(event, () => { control.state.counters[name] += 1; });
  on('registration_create.success', 'registrations');
  on('authorization.success', 'authorizations');
  provider.on('grant.error', (_ctx, error) => {
    if (error.error_detail === 'refresh token already used') control.state.counters.reuseDetections += 1;
  });
  provider.use(async (ctx, next) => {
    const { counters } = control.state;
    for (const name of Object.keys(ctx.headers)) {
      counters.requestHeaders[name] = (counters.requestHeaders[name] ?? 0) + 1;
    }
    await next();
    if (ctx.path === REVOCATION && ctx.status === 200) counters.revocations += 1;
  });
}

function serve(server, settings) {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const storage = createStorage();
  const control = createControl(storage, settings);
  const provider = new Provider(issuer, configuration(storage, control));
  countEvents(provider, control);
  provider.use(tokenEndpoint(control));
  provider.use(interaction(provider, control));
  provider.on('server_error', (_ctx, error) => console.error(error));
  const application = provider.callback();
  server.on('request', (request, response) => {
    if (request.url === '/__control') control.handle(request, response);
    else application(request, response);
  });
  return { url: issuer, issuer, jwks: `${issuer}/jwks`, control: `${issuer}/__control`, scope: SCOPE, account: ACCOUNT };
}

// oidc-provider writes its notices to stdout; stdout here is one line of JSON.
console.info = console.error;
console.warn = console.error;

const server = createServer();
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify(serve(server, JSON.parse(process.argv[2] ?? '{}')))));
process.stdin.resume().on('end', () => process.exit(0));
