// What the tests may read (GET /__control) and change (POST /__control with some of `settings`, and actions).

import { buffer } from 'node:stream/consumers';

/** The knobs and their defaults; a POST changes only what it names. */
export const defaults = Object.freeze({
  accessTokenTtl: 3600, // seconds that an access token really lives
  expiresIn: 'real', // what the token response says: 'real', a number of seconds, or null to leave it out
  audience: null, // of access tokens, null for the resource that was asked for (RFC 8707)
  tokenDelayMs: 0, // before a token request is looked at
  tokenFailure: null, // '503' or 'html' (403 with a page): the token endpoint is ill
  consent: 'approve', // or 'deny'
});

const noCounters = () => ({
  token: {}, // grant type → result ('success' or the error code or the status) → count
  tokenRequests: 0,
  registrations: 0,
  authorizations: 0,
  revocations: 0,
  reuseDetections: 0,
  requestHeaders: {}, // header name → how many requests carried it
});

/** The shared state of one server; `storage` performs what settings cannot express. */
export function createControl(storage, settings) {
  const state = { settings: { ...defaults, ...settings }, counters: noCounters() };
  const actions = {
    revokeAll: storage.revokeAll,
    forgetClients: storage.forgetClients,
    reset: () => { state.settings = { ...defaults, ...settings }; state.counters = noCounters(); },
  };

  function change(wishes) {
    for (const [name, value] of Object.entries(wishes)) {
      if (name in actions) actions[name]();
      else if (name in defaults) state.settings[name] = value;
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
