// The state that the tests read (GET /__control) and change (POST /__control with settings and actions), the same for
// every authorization server.

import { buffer } from 'node:stream/consumers';

/** The settings and their defaults; a POST changes only those it names. A server may add its own. */
export const defaults = Object.freeze({
  expiresIn: 'real', // the lifetime in the token response: 'real', a number of seconds, or null to leave it out
  tokenDelayMs: 0, // delay before a token request is handled
  tokenFailure: null, // '503' or 'html' (403 with a page): the token endpoint fails
  consent: 'approve', // or 'deny'
  authMethod: null, // the only client authentication method that is advertised and registered, null for all
  redirectHost: null, // the only host of redirect URIs that is accepted: some servers require 'localhost'
});

const noCounters = () => ({
  token: {}, // grant type → result ('success' or the error code or the status) → count
  tokenRequests: 0,
  authMethods: {}, // client authentication method of token requests → count
  registrations: 0,
  deletions: 0, // of registrations
  authorizations: 0,
  revocations: 0,
  reuseDetections: 0,
  requestHeaders: {}, // header name → how many requests carried it
});

/** The shared state of one server, with its initial `settings`; `actions` do things that settings cannot express. */
export function createControl(settings, actions) {
  const state = { settings: { ...settings }, counters: noCounters() };
  const reset = () => { Object.assign(state, { settings: { ...settings }, counters: noCounters() }); };
  const all = { ...actions, reset };

  function change(wishes) {
    for (const [name, value] of Object.entries(wishes)) {
      if (name in all) all[name]();
      else if (name in settings) state.settings[name] = value;
      else throw new TypeError(`the control endpoint knows no ${name}`);
    }
  }

  async function handle(request, response) {
    try {
      if (request.method === 'POST') change(JSON.parse(await buffer(request)));
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(state));
    } catch (error) {
      response.writeHead(400, { 'content-type': 'text/plain' }).end(error.message);
    }
  }

  return { state, handle };
}

/** Add one to `tally[outer][inner]`. */
export function count(tally, outer, inner) {
  tally[outer] ??= {};
  tally[outer][inner] = (tally[outer][inner] ?? 0) + 1;
}

/** The client authentication method of a token request (RFC 6749 section 2.3). */
export function countAuthMethod(counters, authorization, form) {
  const inForm = form?.client_secret ? 'client_secret_post' : form?.client_assertion ? 'private_key_jwt' : 'none';
  const method = authorization ? 'client_secret_basic' : inForm;
  counters.authMethods[method] = (counters.authMethods[method] ?? 0) + 1;
}

/** The error code (RFC 7591 section 3.2.2) for a registration against the server's rules, undefined for a valid one. */
export function registrationError({ authMethod, redirectHost }, metadata) {
  if (authMethod && metadata.token_endpoint_auth_method !== authMethod) return 'invalid_client_metadata';
  const isForeign = (uri) => new URL(uri).hostname !== redirectHost;
  return redirectHost && metadata.redirect_uris.some(isForeign) ? 'invalid_redirect_uri' : undefined;
}

/** The token response with the lifetime that the settings ask for. */
export function withExpiry({ expiresIn }, answer) {
  const { expires_in: real, ...rest } = answer;
  return expiresIn === null ? rest : { ...rest, expires_in: expiresIn === 'real' ? real : expiresIn };
}

/** Metadata that advertise only the configured authentication method, if one is configured. */
export function withAuthMethod({ authMethod }, metadata) {
  return authMethod ? { ...metadata, token_endpoint_auth_methods_supported: [authMethod] } : metadata;
}
