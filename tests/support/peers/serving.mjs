// The start and end of every authorization server here: a loopback port, one JSON line when ready, an end when stdin
// closes, so that no test leaves an orphan. On stdin, `down` and `up` stop and start listening, each answered by a line.
//
//   node server.mjs ['{"port": 4711, "accessTokenTtl": 2}']      a port to listen on, and settings: see control.mjs

import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

// Libraries write their notices to stdout; stdout here is lines of JSON.
const { log } = console;
console.log = console.info = console.warn = console.error;
const say = (answer) => log(JSON.stringify(answer));

/** Serve the result of `build(origin, settings)`: `{ about, listener }`, the line to print and the request listener. */
export function serve(build) {
  const { port: wanted = 0, ...settings } = JSON.parse(process.argv[2] ?? '{}');
  const server = createServer();
  server.listen(wanted, '127.0.0.1', () => {
    const { port } = server.address();
    const { about, listener } = build(`http://127.0.0.1:${port}`, settings);
    server.on('request', listener);
    say({ ...about, port });
    steer(server, port);
  });
}

function steer(server, port) {
  const words = {
    down: () => { server.close(() => say({})); server.closeAllConnections(); },
    up: () => server.listen(port, '127.0.0.1', () => say({})),
  };
  createInterface({ input: process.stdin }).on('line', (word) => words[word]()).on('close', () => process.exit(0));
}
