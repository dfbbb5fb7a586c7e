// The TypeScript SDK 2 with every feature of catalogue.json.
//
//   node typescript_2_server.mjs (dual | modern)
//
// dual: as createMcpHandler serves by default, both eras, and none of them with sessions. modern: 2026-07-28 only.

import { createMcpHandler, inputRequired, ProtocolError, Server } from '@modelcontextprotocol/server';
import { z } from 'zod';

import {
  answerOf, asResult, CATALOGUE, completion, memo, pageOf, plainTool, prompt, serve, step, Waits,
} from './catalogue.mjs';

const VERSION = 'io.modelcontextprotocol/protocolVersion';
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
const QUESTIONS = {
  ask_form: ['form', () => inputRequired.elicit(CATALOGUE.form)],
  ask_url: ['url', () => inputRequired.elicitUrl(CATALOGUE.page)],
  ask_model: ['model', () => inputRequired.createMessage(CATALOGUE.sampling)],
  ask_roots: ['roots', () => inputRequired.listRoots()],
};
const waits = new Waits();

function ask([key, question], ctx) {
  const answer = ctx.mcpReq.inputResponses?.[key];
  if (answer === undefined) {
    return inputRequired({ inputRequests: { [key]: question() }, requestState: `state of ${key}` });
  }
  const state = ctx.mcpReq.requestState();
  if (state !== `state of ${key}`) throw new ProtocolError(-32602, `requestState is ${state}`);
  return answerOf(key, answer);
}

async function report(ctx, progress, total, message) {
  const progressToken = ctx.mcpReq._meta?.progressToken;
  if (progressToken === undefined) return;
  await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total, message } });
}

async function tool(name, given, ctx) {
  if (name in QUESTIONS) return ask(QUESTIONS[name], ctx);
  switch (name) {
    case 'revision': return ctx.mcpReq.envelope?.[VERSION] ?? ctx.http.req.headers.get('mcp-protocol-version');
    case 'steps':
      for (const done of [1, 2, 3]) {
        await report(ctx, done, 3, `step ${done}`);
        await step();
      }
      return 'done';
    case 'wait':
      await report(ctx, 1, 2, 'waiting');
      return waits.wait(given.key, ctx.mcpReq.signal);
    case 'update':
      handler.notify.resourceUpdated(given.uri);
      return 'updated';
    case 'change':
      handler.notify.toolsChanged();
      handler.notify.promptsChanged();
      handler.notify.resourcesChanged();
      return 'changed';
    case 'log':
      for (const level of ['debug', 'info', 'warning', 'error']) await ctx.mcpReq.log(level, `at ${level}`, 'eras');
      return 'logged';
    case 'job': // a task if the client declares the Tasks extension, which the SDK does not implement
      if (!(CATALOGUE.tasks in (ctx.mcpReq.envelope?.[CAPABILITIES]?.extensions ?? {}))) return 'worked';
      return { resultType: 'task', status: 'working', ...CATALOGUE.task };
    default: {
      const said = await plainTool(name, given, waits);
      if (said === undefined) throw new ProtocolError(-32602, `Unknown tool: ${name}`);
      return said;
    }
  }
}

function create() {
  const server = new Server(
    { name: 'eras', version: '2' },
    {
      capabilities: { ...CATALOGUE.capabilities, extensions: { [CATALOGUE.tasks]: {} } },
      instructions: 'Everything, in both eras.',
    },
  );
  for (const what of ['tools', 'prompts', 'resources']) {
    server.setRequestHandler(`${what}/list`, ({ params }) => pageOf(what, params?.cursor));
  }
  server.setRequestHandler('resources/templates/list', () => pageOf('resourceTemplates'));
  server.setRequestHandler('prompts/get', ({ params }, ctx) => {
    const said = params.name === 'ask' ? ask(QUESTIONS.ask_form, ctx) : undefined;
    return said === undefined || typeof said === 'string' ? prompt(params, said) : said;
  });
  server.setRequestHandler('completion/complete', ({ params }) => completion(params));
  server.setRequestHandler('resources/read', ({ params: { uri } }, ctx) => {
    const text = uri === 'memo://ask' ? ask(QUESTIONS.ask_form, ctx) : memo(uri);
    if (typeof text === 'object') return text;
    const code = ctx.mcpReq.envelope ? -32602 : -32002;
    if (text === undefined) throw new ProtocolError(code, 'Resource not found', { uri });
    return { contents: [{ uri, text }] };
  });
  server.setRequestHandler('tasks/get', { params: z.looseObject({ taskId: z.string() }) }, () =>
    ({ status: 'completed', ...CATALOGUE.task, result: asResult('worked') }));
  server.setRequestHandler('tools/call', async ({ params }, ctx) =>
    asResult(await tool(params.name, params.arguments ?? {}, ctx)));
  return server;
}

const handler = createMcpHandler(create, { legacy: process.argv[2] === 'modern' ? 'reject' : 'stateless' });

serve(async (request, response, body) => {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const answer = await handler.fetch(new Request(`http://${request.headers.host}${request.url}`, {
    method: request.method,
    headers: request.headers,
    body: body.length ? body : undefined,
    signal: gone.signal,
  }));
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  response.flushHeaders();
  if (answer.body) for await (const chunk of answer.body) response.write(chunk);
  response.end();
});
