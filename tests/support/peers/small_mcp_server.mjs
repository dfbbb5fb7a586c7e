// A small MCP server for the tests that put a proxy in front of it. POST /slow is never answered.
//
//   node small_mcp_server.mjs

import { serve } from './serving.mjs';

const results = {
  initialize: {
    protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'small', version: '1' },
  },
  'tools/list': { tools: [{ name: 'add', inputSchema: { type: 'object' } }] },
};

function reply(request, text, response) {
  const { id, method } = JSON.parse(text);
  const known = results[method] ? { result: results[method] } : { error: { code: -32601, message: 'unknown' } };
  response.writeHead(id === undefined ? 202 : 200, { 'content-type': 'application/json' });
  response.end(id === undefined ? '' : JSON.stringify({ jsonrpc: '2.0', id, ...known }));
}

serve((origin) => ({
  about: { url: `${origin}/mcp` },
  listener: async (request, response) => {
    if (request.url.startsWith('/slow')) return;
    if (request.method !== 'POST') return void response.writeHead(405).end();
    let text = '';
    for await (const chunk of request) text += chunk;
    reply(request, text, response);
  },
}));
