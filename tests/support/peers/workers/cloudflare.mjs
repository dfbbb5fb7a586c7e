// The parts of the Workers runtime that @cloudflare/workers-oauth-provider needs, on Node: the module
// `cloudflare:workers`, and a KV namespace in memory.

import { registerHooks } from 'node:module';

const ENTRYPOINT = 'data:text/javascript,export class WorkerEntrypoint {}';

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'cloudflare:workers' ? { url: ENTRYPOINT, shortCircuit: true } : next(specifier, context),
});

/** A KV namespace. Expiry needs no code: the library itself checks the expiry of the values that have one. */
export class Kv {
  #entries = new Map();

  async get(key, { type } = {}) {
    const value = this.#entries.get(key)?.value ?? null;
    return type === 'json' ? JSON.parse(value) : value;
  }

  async put(key, value, { metadata } = {}) { this.#entries.set(key, { value, metadata }); }

  async delete(key) { this.#entries.delete(key); }

  async list({ prefix = '' } = {}) {
    const keys = [...this.#entries].filter(([name]) => name.startsWith(prefix));
    return { keys: keys.map(([name, { metadata }]) => ({ name, metadata })), list_complete: true };
  }

  /** Forget every key that begins with one of `prefixes`. */
  forget(...prefixes) {
    for (const name of this.#entries.keys()) if (prefixes.some((prefix) => name.startsWith(prefix))) this.#entries.delete(name);
  }
}
