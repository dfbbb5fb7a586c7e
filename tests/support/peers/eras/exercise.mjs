// A client of eras/ in TypeScript's SDKs: uses every feature of catalogue.json once, and prints what it saw, as
// exercise.py does. `session` offers: revision, asked, logged, updated, changed, page, call, cancelled, read, prompt,
// complete, follow, logFrom, job; see typescript_2_client.mjs.

import { CATALOGUE } from './catalogue.mjs';

const LIMIT = 15_000; // for one feature: only a hang lasts so long
const PATIENCE = 2_000; // until a notification is asked for again: streams open behind the client's back

/** A feature that the SDK does not have, or that the server does not declare. */
export class Absent extends Error {}

export function say(feature, saw) {
  console.log(JSON.stringify({ feature, saw }));
}

const textOf = (result) => result.content[0].text;
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export async function exercise(session) {
  for (const feature of Object.keys(story)) say(feature, await attempt(story[feature](session)));
  say('revisions', await attempt(revisions(session)));
}

async function attempt(feature) {
  const hang = pause(LIMIT).then(() => ({ hang: LIMIT }));
  try {
    return await Promise.race([feature, hang]);
  } catch (error) {
    if (error instanceof Absent) return { absent: error.message };
    if (error.code !== undefined) return { refused: error.code, words: error.message };
    return { raised: error.name, words: error.message.slice(0, 300) };
  }
}

async function all(session, what) {
  const pages = [];
  let cursor;
  do {
    const page = await session.page(what, cursor);
    pages.push(page[what]);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return pages;
}

const names = async (session, what) => (await all(session, what)).flat().map((entry) => entry.name);
const text = async (session, tool, given = {}) => textOf(await session.call(tool, given));

async function code(request) {
  try {
    await request;
    return 'answered';
  } catch (error) {
    return error.code ?? error.name;
  }
}

async function asking(session, tool) {
  session.asked.length = 0;
  return { result: await text(session, tool), asked: [...session.asked] };
}

/** The distinct notifications that arrive until all of `wanted` did, or three times patience is over. */
async function until(arrived, wanted, ask) {
  arrived.length = 0;
  for (let round = 0; round < 3; round++) {
    await ask();
    for (let waited = 0; waited < PATIENCE; waited += 20) {
      if (wanted.every((each) => arrived.includes(each))) return [...new Set(arrived)].sort();
      await pause(20);
    }
  }
  return [...new Set(arrived)].sort();
}

async function revisions(session) {
  return { here: session.revision, there: await text(session, 'revision') };
}

const story = {
  async tools(session) {
    const failed = await session.call('fail', {});
    return {
      names: await names(session, 'tools'),
      echo: await text(session, 'echo', { text: 'again' }),
      sum: (await session.call('add', { a: 2, b: 3 })).structuredContent ?? null,
      region: await text(session, 'region', { region: 'eu, \u00e9' }),
      failed: [failed.isError, textOf(failed)],
      unknown: await code(session.call('unknown', {})),
    };
  },
  async resources(session) {
    return {
      names: await names(session, 'resources'),
      templates: await names(session, 'resourceTemplates'),
      text: await session.read('memo://one'),
      missing: await code(session.read('memo://none')),
    };
  },
  async prompts(session) {
    return { names: await names(session, 'prompts'), text: await session.prompt('greet', { name: 'Ada' }) };
  },
  async completion(session) {
    return { values: await session.complete('greet', 'name', 'A') };
  },
  async elicitation_form(session) {
    const seen = await asking(session, 'ask_form');
    const prompt = await session.prompt('ask', {});
    const resource = await session.read('memo://ask');
    const tools = ['ask_form', 'ask_url', 'ask_model', 'ask_roots', 'ask_form'];
    return { ...seen, prompt, resource, together: await Promise.all(tools.map((tool) => text(session, tool))) };
  },
  elicitation_url: (session) => asking(session, 'ask_url'),
  sampling: (session) => asking(session, 'ask_model'),
  roots: (session) => asking(session, 'ask_roots'),
  async progress(session) {
    const steps = [];
    const onprogress = ({ progress, total, message }) => steps.push({ progress, total, message });
    const result = await session.call('steps', {}, onprogress);
    return { steps, result: textOf(result) };
  },
  async cancellation(session) {
    const key = `${process.pid}`;
    await session.cancelled('wait', { key });
    return { server: await text(session, 'waited', { key }) };
  },
  async subscriptions(session) {
    const updateBoth = async () => {
      await text(session, 'update', { uri: 'memo://one' });
      await text(session, 'update', { uri: 'memo://two' });
    };
    await session.follow(['memo://one', 'memo://two'], false);
    const both = await until(session.updated, ['memo://one', 'memo://two'], updateBoth);
    await session.follow(['memo://two'], false);
    return { both, one: await until(session.updated, ['memo://two'], updateBoth) };
  },
  async list_changes(session) {
    await session.follow([], true);
    const wanted = ['tools', 'prompts', 'resources'];
    return { changed: await until(session.changed, wanted, () => text(session, 'change')) };
  },
  async logging(session) {
    await session.logFrom('warning');
    session.logged.length = 0;
    const result = await text(session, 'log');
    return { logged: [...session.logged], result };
  },
  async pagination(session) {
    const lengths = {};
    for (const what of ['tools', 'resources', 'prompts']) {
      lengths[what] = (await all(session, what)).map((page) => page.length);
    }
    return lengths;
  },
  async tasks(session) {
    const plainly = await text(session, 'job'); // must work with and without tasks
    return plainly === 'worked' ? session.job() : { plainly };
  },
};

/** What the user or the model answers a request of the server; what the story remembers of it goes to `asked`. */
export function answered(asked, method, params) {
  const { answers } = CATALOGUE;
  switch (method) {
    case 'elicitation/create':
      if (params.mode === 'url') {
        asked.push({ page: params.url, message: params.message });
        return { action: 'accept' };
      }
      asked.push({ form: Object.keys(params.requestedSchema.properties), message: params.message });
      return { action: 'accept', content: answers.form };
    case 'sampling/createMessage': {
      const { content } = params.messages[0];
      asked.push({ model: [content].flat()[0].text, most: params.maxTokens });
      return { role: 'assistant', content: { type: 'text', text: answers.model }, model: 'm' };
    }
    default:
      asked.push({ roots: true });
      return { roots: [{ uri: answers.root, name: 'work' }] };
  }
}

/** Runs a client to its end; a connection that fails is an observation too. */
export async function connecting(main) {
  try {
    await main(JSON.parse(process.argv.at(-1)));
  } catch (error) {
    say('connection', { raised: error.name, code: error.code, words: error.message.slice(0, 300) });
  }
  process.exit(0);
}
