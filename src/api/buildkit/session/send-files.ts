import { OrlopError } from '#errors';
import type { SentFile } from '#wire';
import type { OpenCall } from '../grpc/client.ts';
import { packetKinds, packetType, pieceType } from '../messages/session.ts';
import { goModeOf } from './go-mode.ts';
import type { ClientSession } from './sessions.ts';

const method = '/moby.filesync.v1.FileSend/DiffCopy';
const exporterKey = 'buildkit-attachable-exporter-id';
const pieceBytes = 32 * 1024;

function openSend(session: ClientSession, exporter: number, signal: AbortSignal): OpenCall {
  if (!session.offers(method))
    throw new OrlopError('failed-precondition', 'BUILDKIT_NO_OUTPUT', 'the client takes no files that a build hands out');
  return session.services.open(method, { [exporterKey]: String(exporter) }, signal);
}

/** Hands the client one file, the archive that it has asked for; `exporter` is the position of the output among those that it has named. */
export async function sendArchive(
  session: ClientSession,
  archive: AsyncIterable<Uint8Array>,
  exporter: number,
  signal: AbortSignal,
): Promise<void> {
  const call = openSend(session, exporter, signal);
  for await (const chunk of archive)
    for (let at = 0; at < chunk.length; at += pieceBytes) await call.send(pieceType.encode({ data: chunk.subarray(at, at + pieceBytes) }));
  call.end();
  for await (const _ of call.messages);
}

/**
 * Hands the client a tree, which it writes to a directory of its own. It asks for each file's content when it has been told of it; a tree that is read from front to back waits for that.
 */
export async function sendFiles(
  session: ClientSession,
  files: AsyncIterable<SentFile>,
  exporter: number,
  signal: AbortSignal,
): Promise<void> {
  const call = openSend(session, exporter, signal);
  const packets = call.messages[Symbol.asyncIterator]();
  let id = 0;
  for await (const file of files) {
    const { path, target, sizeBytes, mtimeNs, major, minor, xattrs } = file;
    const stat = { path, mode: goModeOf(file), size: sizeBytes, mtimeNs, linkName: target, uid: 0, gid: 0, major, minor, xattrs };
    await call.send(packetType.encode({ type: packetKinds.stat, stat }));
    if (file.type === 'file') await answerRequest(call, packets, { id, content: file.content });
    id++;
  }
  await call.send(packetType.encode({ type: packetKinds.stat }));
  await finish(call, packets);
}

async function answerRequest(
  call: OpenCall,
  packets: AsyncIterator<Uint8Array>,
  { id, content }: { readonly id: number; readonly content: AsyncIterable<Uint8Array> },
): Promise<void> {
  const packet = await nextPacket(packets);
  if (packet?.type !== packetKinds.request || packet.id !== id)
    throw new OrlopError('invalid-argument', 'BUILDKIT_BAD_OUTPUT', 'the client asks for files in an order of its own');
  for await (const chunk of content)
    for (let at = 0; at < chunk.length; at += pieceBytes)
      await call.send(packetType.encode({ type: packetKinds.data, id, data: chunk.subarray(at, at + pieceBytes) }));
  await call.send(packetType.encode({ type: packetKinds.data, id }));
}

async function finish(call: OpenCall, packets: AsyncIterator<Uint8Array>): Promise<void> {
  for (let packet = await nextPacket(packets); packet !== null; packet = await nextPacket(packets)) {
    if (packet.type !== packetKinds.finish) continue;
    await call.send(packetType.encode({ type: packetKinds.finish }));
    call.end();
  }
}

async function nextPacket(packets: AsyncIterator<Uint8Array>): Promise<ReturnType<typeof packetType.decode> | null> {
  const { value, done } = await packets.next();
  if (done === true) return null;
  const packet = packetType.decode(value);
  if (packet.type === packetKinds.error)
    throw new OrlopError(
      'unavailable',
      'BUILDKIT_CLIENT_FAILED',
      `the client: ${Buffer.from(packet.data).toString('utf8').slice(0, 2000)}`,
    );
  return packet;
}
