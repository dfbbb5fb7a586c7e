// A Worker, as most remote MCP servers are deployed: Cloudflare's OAuthProvider is the authorization server and guards
// the MCP endpoint beside it. It differs from oidc-provider wherever servers do: opaque tokens (with colons in them), one
// origin for both roles, the token endpoint also revokes, and the previous refresh token works until the newest
// has been used.
//
//   node server.mjs ['{"port": 4711}']      see ../serving.mjs; settings: ../control.mjs

import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

import {
  count, countAuthMethod, createControl, defaults, registrationError, withAuthMethod, withExpiry,
} from '../control.mjs';
import { serve } from '../serving.mjs';
import { Kv } from './cloudflare.mjs'; // before the library, which needs its hook
import { tools } from './tools.mjs';

const { AuthorizationError, authorizationErrorRedirect, OAuthProvider } = await import('@cloudflare/workers-oauth-provider');

const ACCOUNT = 'alice@example.test';
const SCOPE = 'mcp';
const TOKEN = '/oauth/token';
const REGISTRATION = '/oauth/register';
const METADATA = '/.well-known/oauth-authorization-server';
const IDP = 'https://idp.test'; // its assertions (ID-JAG) are accepted; its keys are the setting `idpKeys`
const CONSENT_PAGE = '<!doctype html><title>Consent</title><form method="post"><button name="answer" value="allow">Allow</button></form>';

function worker(origin, control) {
  return new OAuthProvider({
    apiRoute: '/mcp',
    apiHandler: { fetch: (request, _env, context) => tools(context.props.account).fetch(request) },
    defaultHandler: { fetch: (request, env) => authorize(request, env.OAUTH_PROVIDER, control.state) },
    authorizeEndpoint: '/authorize',
    tokenEndpoint: TOKEN,
    clientRegistrationEndpoint: REGISTRATION,
    clientRegistrationCallback: ({ clientMetadata }) => {
      const code = registrationError(control.state.settings, clientMetadata);
      return code && { code };
    },
    allowTokenExchangeGrant: true,
    enterpriseManagedAuthorization: {
      trustedIssuers: async ({ iss }) => (iss === IDP ? { issuer: IDP, jwksUri: `${IDP}/jwks`, algorithms: ['ES256'] } : null),
      mapClaims: async ({ claims }) => ({ userId: 'enterprise', scope: [SCOPE], props: { account: claims.sub } }),
    },
    scopesSupported: [SCOPE, 'offline_access'],
    requiredScopes: [SCOPE],
    resourceMetadata: { resource: `${origin}/mcp`, authorization_servers: [origin] },
  });
}

/** The identity provider's keys come from the settings: the library fetches them with the platform's `fetch`. */
function playIdentityProvider({ state }) {
  const elsewhere = globalThis.fetch;
  globalThis.fetch = async (url, ...rest) =>
    (String(url) === `${IDP}/jwks` ? Response.json({ keys: state.settings.idpKeys }) : elsewhere(url, ...rest));
}

/** Login and consent on one page, with a form that any HTTP client can send. */
async function authorize(request, oauth, { settings, counters }) {
  if (new URL(request.url).pathname !== '/authorize') return new Response('Not found', { status: 404 });
  const asked = await oauth.parseAuthRequest(request).catch((error) => error);
  if (asked instanceof AuthorizationError) {
    return asked.redirectTo ? Response.redirect(asked.redirectTo) : new Response(asked.description, { status: 400 });
  }
  if (asked instanceof Error) throw asked;
  if (request.method === 'GET') return new Response(CONSENT_PAGE, { headers: { 'content-type': 'text/html' } });
  if (settings.consent === 'deny') return Response.redirect(authorizationErrorRedirect(asked, 'access_denied'));
  const props = { account: ACCOUNT };
  const grant = { request: asked, userId: ACCOUNT, metadata: {}, scope: asked.scope, props };
  const { redirectTo } = await oauth.completeAuthorization(grant);
  counters.authorizations += 1;
  return Response.redirect(redirectTo);
}

const FAILURES = {
  503: () => new Response('temporarily unavailable', { status: 503 }),
  html: () => new Response('<!doctype html><title>Blocked</title>', { status: 403, headers: { 'content-type': 'text/html' } }),
};

/** Delay, count and, on demand, spoil the responses of the token endpoint, which is also the revocation endpoint. */
async function token(request, answer, { settings, counters }) {
  const form = new URLSearchParams(await request.clone().text());
  const grantType = form.get('grant_type');
  if (!grantType) {
    const response = await answer();
    counters.revocations += response.ok ? 1 : 0;
    return response;
  }
  counters.tokenRequests += 1;
  await delay(settings.tokenDelayMs);
  if (settings.tokenFailure) {
    const response = FAILURES[settings.tokenFailure]();
    count(counters.token, grantType, String(response.status));
    return response;
  }
  const response = await answer();
  const body = await response.json();
  countAuthMethod(counters, request.headers.get('authorization'), Object.fromEntries(form));
  count(counters.token, grantType, response.ok ? 'success' : body.error);
  return Response.json(response.ok ? withExpiry(settings, body) : body, { status: response.status });
}

async function handle(request, answer, state) {
  const { pathname } = new URL(request.url);
  for (const name of request.headers.keys()) {
    state.counters.requestHeaders[name] = (state.counters.requestHeaders[name] ?? 0) + 1;
  }
  if (pathname === TOKEN) return token(request, answer, state);
  const response = await answer();
  if (pathname === REGISTRATION && response.status === 201) state.counters.registrations += 1;
  if (pathname === METADATA) return Response.json(withAuthMethod(state.settings, await response.json()));
  return response;
}

/** Node's request → the Web's. */
async function received(request, origin) {
  const hasBody = !['GET', 'HEAD'].includes(request.method);
  return new Request(new URL(request.url, origin), {
    method: request.method,
    headers: request.headers,
    body: hasBody ? await buffer(request) : undefined,
  });
}

/** The Web's response → Node's. */
function send(response, to) {
  to.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body) Readable.fromWeb(response.body).pipe(to);
  else to.end();
}

serve((origin, settings) => {
  const kv = new Kv();
  const control = createControl({ ...defaults, idpKeys: [], ...settings }, {
    revokeAll: () => kv.forget('grant:', 'token:'),
    forgetClients: () => kv.forget('client:'),
    refuseTokens: () => kv.forget('token:'), // ends every access token but no grant: expiry without waiting
  });
  playIdentityProvider(control);
  const provider = worker(origin, control);
  const listener = async (request, response) => {
    if (request.url === '/__control') return control.handle(request, response);
    try {
      const asked = await received(request, origin);
      const answer = () => provider.fetch(asked, { OAUTH_KV: kv }, { waitUntil: () => {}, passThroughOnException: () => {} });
      send(await handle(asked, answer, control.state), response);
    } catch (error) {
      console.error(error);
      response.writeHead(500).end();
    }
    return undefined;
  };
  const about = { url: `${origin}/mcp`, issuer: origin, control: `${origin}/__control`, scope: SCOPE, account: ACCOUNT };
  return { about: { ...about, registration: origin + REGISTRATION }, listener };
});
