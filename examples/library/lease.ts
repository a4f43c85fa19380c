// What is created under a lease goes with the program, however it ends: nothing is disposed of by hand here.
import { connect } from 'orlop';

const engine = connect({ lease: true });
const image = process.env['IMAGE'] ?? 'busybox';

const network = await engine.networks.create();
const volume = await engine.volumes.create();
const server = await engine.run({
  image,
  command: ['sh', '-c', 'echo data > /data/file; echo stored; sleep 1000'],
  network: network.name,
  aliases: ['server'],
  mounts: [{ type: 'volume', source: volume.name, target: '/data' }],
});
await server.waitForLog('stored');

const answer = await engine.runToEnd({
  image,
  command: ['sh', '-c', 'cat /data/file && ping -c 1 -W 2 server > /dev/null && echo reached'],
  network: network.name,
  mounts: [{ type: 'volume', source: volume.name, target: '/data', readOnly: true }],
});
console.log(answer.stdout.trimEnd());

const lease = await engine.leaseId();
const leases = await engine.client.leases.list();
const own = leases.find(({ id }) => id === lease);
console.log(`${own?.containers.length} container, ${own?.networks.length} network, ${own?.volumes.length} volume`);

// With `kill` as its argument the example shows that it needs no farewell.
if (process.argv[2] === 'kill') process.kill(process.pid, 'SIGKILL');
await engine.close();
console.log('all gone');
