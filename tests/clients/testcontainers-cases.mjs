// What test suites do with testcontainers, each as a case of its own. Argument: the library's main file. The environment names the engine. Prints a line a case.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { pathToFileURL } from 'node:url';

const { default: library } = await import(pathToFileURL(process.argv[2] ?? '').href);
const { GenericContainer, Network, Wait } = library;
const image = 'busybox:latest';
// The library lets the loop end while it waits for a log.
const awake = setInterval(() => undefined, 1000);

async function say(name, work) {
  try {
    await work();
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`FAILED ${name}\n${error.stack}`);
  }
}

await say('a port, a line of the log, commands, files, a restart', async () => {
  const container = await new GenericContainer(image)
    .withCommand(['sh', '-c', 'echo ready; exec nc -ll -p 8080 -e echo hello'])
    .withExposedPorts(8080)
    .withEnvironment({ A: 'b' })
    .withWaitStrategy(Wait.forLogMessage('ready'))
    .start();
  const socket = connect(container.getMappedPort(8080), container.getHost());
  const [said] = await once(socket, 'data');
  socket.destroy();
  assert.equal(String(said), 'hello\n');
  const { exitCode, output } = await container.exec(['sh', '-c', 'echo $A; exit 3']);
  assert.deepEqual([exitCode, output], [3, 'b\n']);
  await container.copyContentToContainer([{ content: 'content', target: '/tmp/file' }]);
  assert.equal((await container.exec(['cat', '/tmp/file'])).output, 'content');
  await container.restart();
  await container.stop();
});

await say('listening ports', async () => {
  const container = await new GenericContainer(image)
    .withCommand(['nc', '-ll', '-p', '80', '-e', 'echo', 'hi'])
    .withExposedPorts(80)
    .start();
  await container.stop();
});

await say('health', async () => {
  const container = await new GenericContainer(image)
    .withCommand(['sleep', '100'])
    .withHealthCheck({ test: ['CMD-SHELL', 'true'], interval: 500, timeout: 1000, retries: 3, startPeriod: 0 })
    .withWaitStrategy(Wait.forHealthCheck())
    .start();
  await container.stop();
});

await say('networks and aliases', async () => {
  const network = await new Network().start();
  const server = await new GenericContainer(image)
    .withNetwork(network)
    .withNetworkAliases('server')
    .withCommand(['nc', '-ll', '-p', '80', '-e', 'echo', 'hi'])
    .start();
  const client = await new GenericContainer(image).withNetwork(network).withCommand(['sleep', '100']).start();
  assert.equal((await client.exec(['sh', '-c', 'nc server 80 </dev/null'])).output, 'hi\n');
  await client.stop();
  await server.stop();
  await network.stop();
});

await say('mounts, files, users and limits', async () => {
  const container = await new GenericContainer(image)
    .withCommand(['sleep', '100'])
    .withTmpFs({ '/scratch': 'rw' })
    .withBindMounts([{ source: '/etc', target: '/host', mode: 'ro' }])
    .withCopyContentToContainer([{ content: 'q', target: '/q' }])
    .withUser('0')
    .withLabels({ x: 'y' })
    .withResourcesQuota({ memory: 0.1, cpu: 1 })
    .start();
  assert.equal((await container.exec('cat /q')).output, 'q');
  await container.stop();
});
clearInterval(awake);
process.exit(0);
