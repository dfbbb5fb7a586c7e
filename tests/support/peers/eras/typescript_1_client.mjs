// The TypeScript SDK 1 as a client, which is legacy: node typescript_1_client.mjs TARGET, see exercise.py.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CallToolResultSchema, CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema,
  LoggingMessageNotificationSchema, PromptListChangedNotificationSchema, ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema, ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';

import { Absent, answered, connecting, exercise } from './exercise.mjs';

class TypeScript1 {
  asked = [];
  logged = [];
  updated = [];
  changed = [];
  #followed = [];

  constructor() {
    this.client = new Client({ name: 'typescript-1', version: '1' }, {
      capabilities: { roots: {}, sampling: {}, elicitation: { form: {}, url: {} } },
    });
    for (const schema of [ElicitRequestSchema, CreateMessageRequestSchema, ListRootsRequestSchema]) {
      this.client.setRequestHandler(schema, ({ method, params }) => answered(this.asked, method, params));
    }
    const heard = (schema, hear) => this.client.setNotificationHandler(schema, ({ params }) => hear(params));
    heard(LoggingMessageNotificationSchema, ({ level, data }) => this.logged.push(`${level}: ${data}`));
    heard(ResourceUpdatedNotificationSchema, ({ uri }) => this.updated.push(uri));
    heard(ToolListChangedNotificationSchema, () => this.changed.push('tools'));
    heard(PromptListChangedNotificationSchema, () => this.changed.push('prompts'));
    heard(ResourceListChangedNotificationSchema, () => this.changed.push('resources'));
  }

  revision = '';

  page(what, cursor) {
    const params = cursor === undefined ? {} : { cursor };
    switch (what) {
      case 'tools': return this.client.listTools(params);
      case 'prompts': return this.client.listPrompts(params);
      case 'resources': return this.client.listResources(params);
      default: return this.client.listResourceTemplates(params);
    }
  }

  call(name, given, onprogress, signal) {
    return this.client.callTool({ name, arguments: given }, undefined, { onprogress, signal });
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

  async follow(uris) {
    for (const uri of this.#followed.filter((each) => !uris.includes(each))) {
      await this.client.unsubscribeResource({ uri });
    }
    for (const uri of uris.filter((each) => !this.#followed.includes(each))) {
      await this.client.subscribeResource({ uri });
    }
    this.#followed = uris;
  }

  async logFrom(level) {
    await this.client.setLoggingLevel(level);
  }

  async job() {
    if (!this.client.getServerCapabilities()?.tasks) throw new Absent('the server declares no tasks');
    const messages = this.client.experimental.tasks.callToolStream(
      { name: 'job', arguments: {} }, CallToolResultSchema, { task: { ttl: 60_000 } },
    );
    let status;
    for await (const message of messages) {
      if (message.type === 'taskStatus') status = message.task.status;
      if (message.type === 'taskCreated') status ??= message.task.status;
      if (message.type === 'error') throw message.error;
      if (message.type === 'result') return { status: 'completed', result: message.result.content[0].text };
    }
    return { status };
  }
}

await connecting(async ({ url, command, environment }) => {
  const typescript = new TypeScript1();
  const transport = url
    ? new StreamableHTTPClientTransport(new URL(url))
    : new StdioClientTransport({ command: command[0], args: command.slice(1), env: environment });
  transport.setProtocolVersion = ((set) => function setVersion(revision) {
    typescript.revision = revision;
    return set?.call(transport, revision);
  })(transport.setProtocolVersion);
  await typescript.client.connect(transport);
  await exercise(typescript);
  await typescript.client.close();
});
