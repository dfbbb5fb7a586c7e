// The MCP server behind the tokens: the TypeScript SDK's, one instance per request, as on Workers.

import { createMcpHandler, fromJsonSchema, McpServer } from '@modelcontextprotocol/server';

const text = (said) => ({ content: [{ type: 'text', text: String(said) }] });
const input = (properties) =>
  fromJsonSchema({ type: 'object', properties, required: Object.keys(properties), additionalProperties: false });

/** A handler for one account's requests. */
export function tools(account) {
  return createMcpHandler(() => {
    const server = new McpServer({ name: 'workers', version: '1.0.0' });
    const number = { type: 'number' };
    server.registerTool('add', { inputSchema: input({ a: number, b: number }) }, async ({ a, b }) => text(a + b));
    server.registerTool('whoami', { inputSchema: input({}) }, async () => text(account));
    return server;
  });
}
