// What every server of eras/ serves, from catalogue.json, for both versions of the TypeScript SDK; and how one starts.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

export const CATALOGUE = JSON.parse(readFileSync(new URL('catalogue.json', import.meta.url)));

/** What a step of the tool `steps` takes: see STEP in catalogue.py. */
export const step = () => new Promise((resolve) => { setTimeout(resolve, 50); });

/** One page of the list `what`; a cursor is opaque to clients, and here the number of the first entry. */
export function pageOf(what, cursor) {
  const start = Number(cursor ?? 0);
  const end = start + CATALOGUE.pageSize;
  const rest = end >= CATALOGUE[what].length ? {} : { nextCursor: String(end) };
  return { [what]: CATALOGUE[what].slice(start, end), ...rest };
}

/** The text of a resource, undefined if there is none. */
export function memo(uri) {
  const found = CATALOGUE.resources.find((entry) => entry.uri === uri);
  return found && `memo ${found.name}`;
}

/** The text of a tool that asked the client for something: what it was answered. */
export function answerOf(key, result) {
  switch (key) {
    case 'form': return `form: ${result.action} ${result.content?.name}`;
    case 'url': return `url: ${result.action}`;
    case 'model': return `model: ${result.content.text}`;
    default: return `roots: ${result.roots.map((root) => root.uri).join(' ')}`;
  }
}

export const prompt = ({ arguments: given }, text = `Hello ${given?.name}`) => ({
  messages: [{ role: 'user', content: { type: 'text', text } }],
});

export function completion({ argument }) {
  const values = CATALOGUE.people.filter((name) => name.startsWith(argument.value));
  return { completion: { values, total: values.length, hasMore: false } };
}

/** The calls of `wait`, which end when they are cancelled, and how each ended. */
export class Waits {
  #ends = new Map();

  #end(key) {
    if (!this.#ends.has(key)) {
      const end = {};
      end.came = new Promise((resolve) => { end.come = resolve; });
      this.#ends.set(key, end);
    }
    return this.#ends.get(key);
  }

  wait(key, signal) {
    return new Promise((resolve) => {
      const over = (how) => { this.#end(key).come(how); resolve(how); };
      setTimeout(over, 30_000, 'not cancelled').unref();
      if (signal.aborted) over('cancelled');
      signal.addEventListener('abort', () => over('cancelled'));
    });
  }

  outcome(key) {
    const late = new Promise((resolve) => { setTimeout(resolve, 5_000, 'not cancelled').unref(); });
    return Promise.race([this.#end(key).came, late]);
  }
}

/** The tools that need nothing of an SDK: name → text or result; undefined for the others. */
export function plainTool(name, given, waits) {
  switch (name) {
    case 'echo': return given.text;
    case 'add': {
      const sum = given.a + given.b;
      return { content: [{ type: 'text', text: `${sum}` }], structuredContent: { sum } };
    }
    case 'region': return `region: ${given.region}`;
    case 'fail': return { content: [{ type: 'text', text: 'failed' }], isError: true };
    case 'waited': return waits.outcome(given.key);
    case 'job': return 'worked';
    default: return undefined;
  }
}

export const asResult = (said) => (typeof said === 'string' ? { content: [{ type: 'text', text: said }] } : said);

/** Serve `handle(request, response, body)` on a free port until stdin closes. */
export function serve(handle) {
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    try {
      await handle(request, response, Buffer.concat(chunks));
    } catch (error) {
      console.error(error);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    }
  });
  server.listen(0, '127.0.0.1', () => {
    const origin = `http://127.0.0.1:${server.address().port}`;
    console.log(JSON.stringify({ url: `${origin}/mcp`, origin }));
  });
  process.stdin.resume().on('end', () => process.exit(0));
}
