import { stat } from 'node:fs';
import { Socket } from 'node:net';
import { OrlopError } from '#errors';
import { loadAddon, toPlainError } from '#sys';
import { decodeFrames, encodeFrame, type FileFrame, type FileRequest } from './conversation.ts';
import { createRootVerbs, type RootVerbs } from './root-verbs.ts';

/** The entry of a process that works on the files of one container, whose root is its descriptor 3, and may wait for them for ever. It is a file of its own, for a process needs one. */
const rootDescriptor = 3;
/** Takes what cannot be said in frames. */
const channelDescriptor = 4;
const addon = loadAddon();
const aliveMs = 1_000;

const socket = new Socket({ fd: 0, readable: true, writable: true, allowHalfOpen: true });
// The engine has gone, or waits no more.
socket.on('error', () => process.exit(1));
const frames = decodeFrames(socket);

const say = async (frame: FileFrame): Promise<void> => {
  socket.cork();
  const [head, payload] = encodeFrame(frame);
  socket.write(head ?? '');
  const flows = socket.write(payload ?? '');
  socket.uncork();
  if (!flows) await new Promise<void>((resolve) => void socket.once('drain', resolve));
};

async function* uploaded(): AsyncGenerator<Buffer> {
  for (;;) {
    const { done, value } = await frames.next();
    if (done !== true && value.type === 'data') yield value.data;
    else if (done !== true && value.type === 'end') return;
    else throw new OrlopError('cancelled', 'ENGINE_FILES_CANCELLED', 'what was to be written has not come whole');
  }
}

async function pass(source: AsyncIterable<Buffer>): Promise<null> {
  for await (const data of source) await say({ type: 'data', data });
  return null;
}

/** Descriptors go by a socket of their own. */
function passSocket(descriptor: number): null {
  addon.sendDescriptors(channelDescriptor, Buffer.alloc(1), [descriptor]);
  addon.close(descriptor);
  return null;
}

async function carryOut(verbs: RootVerbs, request: FileRequest): Promise<unknown> {
  const { path } = request;
  switch (request.verb) {
    case 'stat':
      return verbs.stat(path);
    case 'list':
      return verbs.list(path);
    case 'read':
      return pass(verbs.read(path));
    case 'readContent':
      return pass(verbs.readContent(path));
    case 'write':
      return verbs.write(path, uploaded(), request.options);
    case 'writeContent':
      return verbs.writeContent(path, uploaded(), request.options);
    case 'makeDirectory':
      return verbs.makeDirectory(path, request.options);
    case 'remove':
      return verbs.remove(path, request.options);
    case 'applyKeys':
      return verbs.applyKeys(request.options);
    case 'bindSocket':
      return passSocket(await verbs.bindSocket(path, request.options));
    case 'removeSocket':
      return verbs.removeSocket(path);
    case 'detectInit':
      return verbs.detectInit();
  }
}

/** Until the engine says no more: it ends us when it has what it wants. What is still sent after a failure is read, or the answer would go with the connection. */
async function serve(): Promise<void> {
  for (;;) {
    const { done, value } = await frames.next();
    if (done === true) return;
    if (value.type !== 'request') continue;
    const { root, owner } = value.request;
    const verbs = createRootVerbs(addon, { ...root, descriptor: rootDescriptor, [Symbol.dispose]: () => undefined }, owner);
    try {
      const result = (await carryOut(verbs, value.request)) ?? null;
      await say({ type: 'done', result });
    } catch (error) {
      await say({ type: 'failed', error: toPlainError(error) });
    }
  }
}

/** Neither this thread nor the one that reads and writes files (there is one alone: UV_THREADPOOL_SIZE) waits for anything. */
setInterval(() => {
  stat('/proc/self', () => {
    if (!socket.writableNeedDrain) void say({ type: 'alive' });
  });
}, aliveMs);

await serve();
process.exit(0);
