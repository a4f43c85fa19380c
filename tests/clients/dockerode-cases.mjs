// What programs do with dockerode, each as a case of its own. Arguments: the library's main file and the engine's socket. Prints a line a case.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const [, , library = '', socketPath = ''] = process.argv;
const { default: Docker } = await import(pathToFileURL(library).href);
const docker = new Docker({ socketPath });
const Image = 'busybox:latest';
let box;

async function say(name, work) {
  try {
    await work();
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`FAILED ${name}\n${error.stack}`);
  }
}

/** The output of both streams, once it has ended. */
async function outputOf(stream) {
  const chunks = [];
  const sink = { write: (chunk) => chunks.push(chunk) };
  docker.modem.demuxStream(stream, sink, sink);
  await once(stream, 'end');
  return Buffer.concat(chunks).toString();
}

await say('ping, version and info', async () => {
  assert.equal((await docker.ping()).toString(), 'OK');
  assert.match((await docker.version()).ApiVersion, /^1\.\d+$/);
  assert.equal((await docker.info()).OSType, 'linux');
});

await say('run, with and without a terminal', async () => {
  for (const [Tty, said] of [
    [true, 'hi\r\n'],
    [false, 'hi\n'],
  ]) {
    const out = new PassThrough().setEncoding('utf8');
    let text = '';
    out.on('data', (chunk) => (text += chunk));
    const [end, container] = await docker.run(Image, ['echo', 'hi'], out, { Tty });
    assert.equal(end.StatusCode, 0);
    assert.ok(text.endsWith(said), text);
    await container.remove();
  }
});

await say('create, start and inspect', async () => {
  box = await docker.createContainer({ Image, Cmd: ['sleep', '1000'], name: 'dode', Labels: { a: 'b' }, ExposedPorts: { '80/tcp': {} } });
  await box.start();
  assert.equal((await box.inspect()).State.Running, true);
});

await say('exec with input by a hijacked connection, and without', async () => {
  const cat = await box.exec({ Cmd: ['cat'], AttachStdin: true, AttachStdout: true });
  const stream = await cat.start({ hijack: true, stdin: true });
  const output = outputOf(stream);
  stream.end('hello');
  assert.equal(await output, 'hello');
  assert.equal((await cat.inspect()).ExitCode, 0);
  const echo = await box.exec({ Cmd: ['echo', 'x'], AttachStdout: true });
  assert.equal(await outputOf(await echo.start({})), 'x\n');
});

await say('attach, whose parameters come as a body too', async () => {
  const cat = await docker.createContainer({
    Image,
    Cmd: ['cat'],
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
  });
  const stream = await cat.attach({ stream: true, stdin: true, stdout: true, hijack: true });
  const output = outputOf(stream);
  await cat.start();
  stream.end('yo');
  assert.equal(await output, 'yo');
  await cat.wait();
  await cat.remove();
});

await say('logs are followed, stats streamed, events told', async () => {
  const speaker = await docker.createContainer({ Image, Cmd: ['sh', '-c', 'echo a; sleep 1; echo b'] });
  await speaker.start();
  assert.equal(await outputOf(await speaker.logs({ follow: true, stdout: true, stderr: true })), 'a\nb\n');
  await speaker.remove();
  const stats = await box.stats();
  const [first] = await once(stats, 'data');
  assert.equal(JSON.parse(first).id, box.id);
  stats.destroy();
  const now = Math.floor(Date.now() / 1000);
  let heard = '';
  for await (const chunk of await docker.getEvents({ since: now - 60, until: now + 1 })) heard += chunk;
  assert.ok(heard.includes('"Action":"create"'), heard);
});

await say('files, changes, processes, limits, names', async () => {
  let bytes = 0;
  for await (const chunk of await box.getArchive({ path: '/etc' })) bytes += chunk.length;
  assert.ok(bytes >= 1024);
  await box.changes();
  assert.equal((await box.top()).Processes.length, 1);
  await box.update({ Memory: 2 ** 26, MemorySwap: 2 ** 27 });
  await box.rename({ name: 'dode2' });
  await box.pause();
  await box.unpause();
});

await say('networks, volumes and images', async () => {
  const network = await docker.createNetwork({ Name: 'dode-net', CheckDuplicate: true });
  await network.connect({ Container: box.id });
  assert.deepEqual(Object.keys((await network.inspect()).Containers), [box.id]);
  await network.disconnect({ Container: box.id });
  await network.remove();
  await docker.createVolume({ Name: 'dode-volume' });
  assert.equal((await docker.getVolume('dode-volume').inspect()).Driver, 'local');
  await docker.getVolume('dode-volume').remove();
  const image = docker.getImage(Image);
  assert.ok((await image.history()).length > 0);
  await image.tag({ repo: 'dode', tag: 'x' });
  await docker.getImage('dode:x').remove();
  await box.commit({ repo: 'dode-commit' });
  await docker.getImage('dode-commit').remove();
  let bytes = 0;
  for await (const chunk of await image.get()) bytes += chunk.length;
  assert.ok(bytes > 100_000);
});

await say('what is not there is said with its status', async () => {
  await assert.rejects(docker.getContainer('nothing').inspect(), { statusCode: 404, message: /No such container: nothing/ });
  const pulled = docker
    .pull('127.0.0.1:1/nothing:1')
    .then(
      (stream) => new Promise((resolve, reject) => docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()))),
    );
  await assert.rejects(pulled);
});

await say('a removal is waited for', async () => {
  const removed = box.wait({ condition: 'removed' });
  await delay(100);
  await box.remove({ force: true, v: true });
  await removed;
  await docker.pruneContainers();
  await docker.pruneVolumes();
});
