// Preloaded into server-everything (node --import): it gets a free loopback port whatever it asks for (it would
// listen on every interface), prints one JSON line with the port, logs to stderr, and ends when its stdin closes.

import net from 'node:net';

const { listen } = net.Server.prototype;

net.Server.prototype.listen = function listenOnLoopback(...wanted) {
  this.once('listening', () => process.stdout.write(`${JSON.stringify(this.address())}\n`));
  return listen.call(this, 0, '127.0.0.1', ...wanted.filter((argument) => typeof argument === 'function'));
};

console.log = console.error;
process.stdin.resume().on('end', () => process.exit(0));
