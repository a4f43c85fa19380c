// Follows what a container says, uses, and what happens to it. Leaving a loop, or firing its signal, closes the connection.
import { connect, isOrlopError } from 'orlop';

await using engine = connect();
await using container = await engine.run({
  image: process.env['IMAGE'] ?? 'busybox',
  command: ['sh', '-c', 'for i in 1 2 3; do echo "line $i"; done; sleep 1000'],
  init: true,
  labels: { example: 'logs' },
});

for await (const { stream, text, time } of container.logs({ follow: true, times: true })) {
  console.log(stream, text, time instanceof Date);
  if (text === 'line 3') break;
}

for await (const usage of container.stats()) {
  console.log(`${usage.pids} processes, memory in use: ${usage.memoryBytes > 0}`);
  break;
}

const watching = new AbortController();
const stopped = (async () => {
  try {
    for await (const { action, attributes } of engine.events({ filters: { label: ['example=logs'] }, signal: watching.signal })) {
      if (action === 'die') return attributes['exitCode'];
    }
  } catch (error) {
    if (!isOrlopError(error, 'cancelled')) throw error;
  }
  return 'nobody knows';
})();
await engine.client.ping();
await container.stop({ timeoutS: 1 });
console.log('ended with', await container.wait(), 'and the event says', await stopped);
watching.abort();
