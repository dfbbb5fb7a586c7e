// A typical authorization server: oidc-provider on loopback, with dynamic registration,
// required PKCE, resource indicators, JWT access tokens, rotating refresh tokens and reuse detection.
//
//   node server.mjs ['{"accessTokenTtl": 2}']      see ../serving.mjs; settings: `knobs` here and ../control.mjs

import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

import Provider, { errors } from 'oidc-provider';

import {
  count, countAuthMethod, createControl, defaults, registrationError, withAuthMethod, withExpiry,
} from '../control.mjs';
import { serve } from '../serving.mjs';
import { createStorage } from './adapter.mjs';

const ACCOUNT = 'alice@example.test';
const SCOPE = 'mcp';
const TOKEN = '/token';
const REVOCATION = '/token/revocation';
const METADATA = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'];

const knobs = {
  ...defaults,
  accessTokenTtl: 3600, // seconds that an access token really lives
  dpopNonce: false, // whether a proof of possession must hold this server's nonce (RFC 9449 section 8)
  audience: null, // of access tokens, null for the requested resource (RFC 8707)
};

/** The server's rules for registrations, which oidc-provider supports only as rules for extra metadata. */
function houseRules(control) {
  return {
    properties: ['house_rules'],
    validator: (_ctx, _name, _value, metadata) => {
      const code = registrationError(control.state.settings, metadata);
      if (code === 'invalid_redirect_uri') throw new errors.InvalidRedirectUri();
      if (code) throw new errors.InvalidClientMetadata('another token_endpoint_auth_method is wanted');
    },
  };
}

function configuration(storage, control) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    adapter: storage.Adapter,
    clientDefaults: { grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'none' },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    // Each process has its own key id: a server that was set up anew has new keys, and its key ids show it.
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: randomUUID() }] },
    extraClientMetadata: houseRules(control),
    scopes: ['openid', 'offline_access', SCOPE],
    pkce: { required: () => true },
    responseTypes: ['code'],
    rotateRefreshToken: true,
    // Like most servers that MCP meets: a client that registered the grant type gets a lasting refresh token.
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: async () => false,
    findAccount: async (_ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true, userCodeConfirmSource: async (ctx, form) => { ctx.body = form; } },
      devInteractions: { enabled: false },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => control.state.settings.dpopNonce },
      registration: { enabled: true },
      registrationManagement: { enabled: true },
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

/** Login and consent on one page, with a form that any HTTP client can send. */
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

/** Delay, count and, on demand, spoil the responses of the token endpoint. */
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
    countAuthMethod(counters, ctx.get('authorization'), ctx.oidc.body);
    count(counters.token, ctx.oidc.params.grant_type, ctx.status === 200 ? 'success' : ctx.body.error);
    if (ctx.status === 200) ctx.body = withExpiry(settings, ctx.body);
    return undefined;
  };
}

function metadata(control) {
  return async (ctx, next) => {
    await next();
    if (METADATA.includes(ctx.path)) ctx.body = withAuthMethod(control.state.settings, ctx.body);
  };
}

function countEvents(provider, control) {
  const on = (event, name) => provider.on(event, () => { control.state.counters[name] += 1; });
  on('registration_create.success', 'registrations');
  on('registration_delete.success', 'deletions');
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

serve((issuer, settings) => {
  const storage = createStorage();
  const { revokeAll, forgetClients } = storage;
  const control = createControl({ ...knobs, ...settings }, { revokeAll, forgetClients });
  const provider = new Provider(issuer, configuration(storage, control));
  countEvents(provider, control);
  provider.use(metadata(control));
  provider.use(tokenEndpoint(control));
  provider.use(interaction(provider, control));
  provider.on('server_error', (_ctx, error) => console.error(error));
  const application = provider.callback();
  const listener = (request, response) =>
    request.url === '/__control' ? control.handle(request, response) : application(request, response);
  const about = { url: issuer, issuer, jwks: `${issuer}/jwks`, control: `${issuer}/__control`, scope: SCOPE, account: ACCOUNT };
  return { about: { ...about, registration: `${issuer}/reg` }, listener };
});
