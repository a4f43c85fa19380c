import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const pauseMs = 100;

/**
 * Times create, start and wait over one kept connection to an engine's Docker API: the engine's own share of `run`, without the start of a
 * command line. ms, one number a round; the first round warms up and does not count. There is a pause between rounds as between commands, in which
 * engines get ready for the next: how many containers a second can be had is another measurement.
 */
export async function runInside(socketPath: string, image: string, rounds: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const call = (method: string, path: string, body?: unknown): Promise<string> => send({ socketPath, agent, method, path }, body);
  const spent: number[] = [];
  try {
    for (let round = 0; round <= rounds; round++) {
      const started = performance.now();
      const created = await call('POST', '/containers/create', { Image: image, Cmd: ['true'], HostConfig: { NetworkMode: 'none' } });
      const { Id } = JSON.parse(created) as { Id: string };
      await call('POST', `/containers/${Id}/start`);
      const ended = JSON.parse(await call('POST', `/containers/${Id}/wait`)) as { StatusCode: number };
      if (round > 0) spent.push(performance.now() - started);
      await call('DELETE', `/containers/${Id}`);
      if (ended.StatusCode !== 0) throw new Error(`the container ended with ${ended.StatusCode}`);
      await delay(pauseMs);
    }
  } finally {
    agent.destroy();
  }
  return spent;
}

interface Call {
  readonly socketPath: string;
  readonly agent: Agent;
  readonly method: string;
  readonly path: string;
}

async function send(call: Call, body?: unknown): Promise<string> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  return await new Promise((resolve, reject) => {
    const outgoing = request({ ...call, headers, host: 'localhost' }, (response) => {
      let answer = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (answer += chunk));
      response.on('error', reject);
      response.on('end', () => {
        if ((response.statusCode ?? 500) < 400) resolve(answer);
        else reject(new Error(`${call.method} ${call.path}: ${response.statusCode} ${answer.trim()}`));
      });
    });
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}
