// The TypeScript SDK 2 as a client: node typescript_2_client.mjs (legacy | auto | pinned) TARGET, see exercise.py.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import { Absent, answered, connecting, exercise } from './exercise.mjs';

const MODERN = '2026-07-28';
const MODES = { legacy: 'legacy', auto: 'auto', pinned: { pin: MODERN } };
const LOG_LEVEL = 'io.modelcontextprotocol/logLevel';

class TypeScript2 {
  asked = [];
  logged = [];
  updated = [];
  changed = [];
  #followed = [];
  #level;
  #stream;

  constructor(mode) {
    this.client = new Client({ name: 'typescript-2', version: '1' }, {
      capabilities: { roots: {}, sampling: {}, elicitation: { form: {}, url: {} } },
      versionNegotiation: { mode: MODES[mode] },
    });
    for (const method of ['elicitation/create', 'sampling/createMessage', 'roots/list']) {
      this.client.setRequestHandler(method, ({ params }) => answered(this.asked, method, params));
    }
    const heard = (method, hear) => this.client.setNotificationHandler(method, ({ params }) => hear(params));
    heard('notifications/message', ({ level, data }) => this.logged.push(`${level}: ${data}`));
    heard('notifications/resources/updated', ({ uri }) => this.updated.push(uri));
    for (const what of ['tools', 'prompts', 'resources']) {
      heard(`notifications/${what}/list_changed`, () => this.changed.push(what));
    }
  }

  get revision() {
    return this.client.getNegotiatedProtocolVersion();
  }

  get #isModern() {
    return this.revision === MODERN;
  }

  /** One page: a first page is asked for as a request, because the SDK's lists walk all pages by themselves. */
  page(what, cursor) {
    const method = what === 'resourceTemplates' ? 'resources/templates/list' : `${what}/list`;
    return this.client.request({ method, params: cursor === undefined ? {} : { cursor } });
  }

  call(name, given, onprogress, signal) {
    const meta = this.#level && { _meta: { [LOG_LEVEL]: this.#level } };
    return this.client.callTool({ name, arguments: given, ...meta }, { onprogress, signal });
  }

  async cancelled(tool, given) {
    const cancel = new AbortController();
    await this.call(tool, given, () => cancel.abort('enough'), cancel.signal).catch(() => {});
  }

  async read(uri) {
    return (await this.client.readResource({ uri })).contents[0].text;
  }

  async prompt(name, given) {
    return (await this.client.getPrompt({ name, arguments: given })).messages[0].content.text;
  }

  async complete(prompt, name, value) {
    const ref = { type: 'ref/prompt', name: prompt };
    return (await this.client.complete({ ref, argument: { name, value } })).completion.values;
  }

  async follow(uris, lists) {
    if (this.#isModern) {
      await this.#stream?.close();
      const filter = lists && { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };
      this.#stream = await this.client.listen({ ...filter, ...(uris.length && { resourceSubscriptions: uris }) });
      return;
    }
    for (const uri of this.#followed.filter((each) => !uris.includes(each))) {
      await this.client.unsubscribeResource({ uri });
    }
    for (const uri of uris.filter((each) => !this.#followed.includes(each))) {
      await this.client.subscribeResource({ uri });
    }
    this.#followed = uris;
  }

  async logFrom(level) {
    if (this.#isModern) this.#level = level;
    else await this.client.setLoggingLevel(level);
  }

  async job() {
    throw new Absent('the client has no tasks');
  }
}

await connecting(async ({ url, command, environment }) => {
  const typescript = new TypeScript2(process.argv[2]);
  const transport = url
    ? new StreamableHTTPClientTransport(new URL(url))
    : new StdioClientTransport({ command: command[0], args: command.slice(1), env: environment });
  await typescript.client.connect(transport);
  await exercise(typescript);
  await typescript.client.close();
});
