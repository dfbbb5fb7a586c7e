// The TypeScript SDK 1, legacy only, with every feature of catalogue.json and the experimental tasks of 2025-11-25.

import { randomUUID } from 'node:crypto';

import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import {
  CallToolRequestSchema, CompleteRequestSchema, CreateMessageResultSchema, ElicitResultSchema, GetPromptRequestSchema,
  ListPromptsRequestSchema, ListResourcesRequestSchema, ListResourceTemplatesRequestSchema, ListRootsResultSchema,
  ListToolsRequestSchema, McpError, ReadResourceRequestSchema, SubscribeRequestSchema, UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';

import {
  answerOf, asResult, CATALOGUE, completion, memo, pageOf, plainTool, prompt, serve, step, Waits,
} from './catalogue.mjs';

const TASKS = { requests: { tools: { call: {} } }, cancel: {}, list: {} };
const PAGE = { mode: 'url', elicitationId: 'signing-1', ...CATALOGUE.page };
const QUESTIONS = {
  ask_form: ['form', 'elicitation/create', CATALOGUE.form, ElicitResultSchema],
  ask_url: ['url', 'elicitation/create', PAGE, ElicitResultSchema],
  ask_model: ['model', 'sampling/createMessage', CATALOGUE.sampling, CreateMessageResultSchema],
  ask_roots: ['roots', 'roots/list', {}, ListRootsResultSchema],
};
const waits = new Waits();
const sessions = new Map(); // id → { transport, server, followed }

async function report({ _meta, sendNotification }, progress, total, message) {
  const progressToken = _meta?.progressToken;
  if (progressToken === undefined) return;
  await sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total, message } });
}

async function tool(server, name, given, extra) {
  if (name in QUESTIONS) {
    const [key, method, params, schema] = QUESTIONS[name];
    return answerOf(key, await extra.sendRequest({ method, params }, schema));
  }
  switch (name) {
    case 'revision': return extra.requestInfo.headers['mcp-protocol-version'];
    case 'steps':
      for (const done of [1, 2, 3]) {
        await report(extra, done, 3, `step ${done}`);
        await step();
      }
      return 'done';
    case 'wait':
      await report(extra, 1, 2, 'waiting');
      return waits.wait(given.key, extra.signal);
    case 'update':
      for (const each of sessions.values()) {
        if (each.followed.has(given.uri)) await each.server.sendResourceUpdated({ uri: given.uri });
      }
      return 'updated';
    case 'change':
      for (const each of sessions.values()) {
        await each.server.sendToolListChanged();
        await each.server.sendPromptListChanged();
        await each.server.sendResourceListChanged();
      }
      return 'changed';
    case 'log':
      for (const level of ['debug', 'info', 'warning', 'error']) {
        if (server.isMessageIgnored(level, extra.sessionId)) continue;
        const params = { level, data: `at ${level}`, logger: 'eras' };
        await extra.sendNotification({ method: 'notifications/message', params });
      }
      return 'logged';
    default: {
      const said = await plainTool(name, given, waits);
      if (said === undefined) throw new McpError(-32602, `Unknown tool: ${name}`);
      return said;
    }
  }
}

async function task(params, extra) {
  const created = await extra.taskStore.createTask({ ttl: 60_000, pollInterval: 20 });
  await extra.taskStore.storeTaskResult(created.taskId, 'completed', asResult(await plainTool(params.name, {}, waits)));
  return { task: created };
}

function create(followed) {
  const server = new Server(
    { name: 'eras', version: '1' },
    {
      capabilities: { ...CATALOGUE.capabilities, tasks: TASKS },
      instructions: 'Everything, in the legacy era.',
      taskStore: new InMemoryTaskStore(),
    },
  );
  server.setRequestHandler(ListToolsRequestSchema, ({ params }) => {
    const page = pageOf('tools', params?.cursor);
    const mayBeTask = (each) => (each.name === 'job' ? { ...each, execution: { taskSupport: 'optional' } } : each);
    return { ...page, tools: page.tools.map(mayBeTask) };
  });
  server.setRequestHandler(ListPromptsRequestSchema, ({ params }) => pageOf('prompts', params?.cursor));
  server.setRequestHandler(ListResourcesRequestSchema, ({ params }) => pageOf('resources', params?.cursor));
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => pageOf('resourceTemplates'));
  server.setRequestHandler(GetPromptRequestSchema, async ({ params }, extra) =>
    prompt(params, params.name === 'ask' ? await tool(server, 'ask_form', {}, extra) : undefined));
  server.setRequestHandler(CompleteRequestSchema, ({ params }) => completion(params));
  server.setRequestHandler(SubscribeRequestSchema, ({ params }) => { followed.add(params.uri); return {}; });
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => { followed.delete(params.uri); return {}; });
  server.setRequestHandler(ReadResourceRequestSchema, async ({ params: { uri } }, extra) => {
    const text = uri === 'memo://ask' ? await tool(server, 'ask_form', {}, extra) : memo(uri);
    if (text === undefined) throw new McpError(-32002, 'Resource not found', { uri });
    return { contents: [{ uri, text }] };
  });
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) =>
    (params.task ? task(params, extra) : asResult(await tool(server, params.name, params.arguments ?? {}, extra))));
  return server;
}

async function open() {
  const followed = new Set();
  const server = create(followed);
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => sessions.set(id, { transport, server, followed }),
    onsessionclosed: (id) => sessions.delete(id),
  });
  await server.connect(transport);
  return transport;
}

function refuse(response, status, error) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error }));
}

serve(async (request, response, body) => {
  const id = request.headers['mcp-session-id'];
  const message = body.length ? JSON.parse(body) : undefined;
  if (id !== undefined && !sessions.has(id)) {
    refuse(response, 404, { code: -32001, message: 'Session not found' });
    return;
  }
  if (id === undefined && message?.method !== 'initialize') {
    refuse(response, 400, { code: -32000, message: 'Bad Request: Server not initialized' });
    return;
  }
  const transport = id === undefined ? await open() : sessions.get(id).transport;
  await transport.handleRequest(request, response, message);
});
