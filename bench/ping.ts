// Asks an engine for `_ping` every few milliseconds until its input ends, then prints how long each answer took, in ms: node bench/ping.ts SOCKET
import { Agent, request } from 'node:http';

const everyMs = 5;
const socketPath = process.argv[2] ?? '';
const agent = new Agent({ keepAlive: true, maxSockets: 16 });
const spent: number[] = [];

/** Whether or not the last answer has come: who waits for it sees few of the slow ones. */
function ping(): void {
  const began = performance.now();
  const asked = request({ socketPath, path: '/_ping', agent }, (response) => {
    response.resume().on('end', () => spent.push(performance.now() - began));
  });
  asked.on('error', () => spent.push(Number.POSITIVE_INFINITY)).end();
}

const timer = setInterval(ping, everyMs);
process.stdin.resume().on('end', () => {
  clearInterval(timer);
  process.stdout.write(JSON.stringify(spent.map((ms) => (Number.isFinite(ms) ? ms : 1e9))), () => process.exit(0));
});
