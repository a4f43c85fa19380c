import { bytes, inner, integer, long, mapOf, type Message, message, one, text } from '../protobuf/message.ts';

/** Messages of what a client offers in its session: files, secrets, agents, logins. */

/** fsutil.types.Stat (tonistiigi/fsutil, types/stat.proto). `mode` is Go's os.FileMode, not the kernel's. */
export const statType = message({
  path: one(1, text),
  mode: one(2, integer),
  uid: one(3, integer),
  gid: one(4, integer),
  size: one(5, integer),
  mtimeNs: one(6, long),
  linkName: one(7, text),
  major: one(8, integer),
  minor: one(9, integer),
  xattrs: mapOf(10, bytes),
});
export type Stat = Message<typeof statType>;

/** fsutil.types.Packet (types/wire.proto). */
export const packetType = message({ type: one(1, integer), stat: inner(2, statType), id: one(3, integer), data: one(4, bytes) });
export const packetKinds = { stat: 0, request: 1, data: 2, finish: 3, error: 4 } as const;

/** BytesMessage of several services: one piece of a stream. */
export const pieceType = message({ data: one(1, bytes) });

export const secretRequestType = message({ id: one(1, text) });
export const secretResponseType = message({ data: one(1, bytes) });
export const agentRequestType = message({ id: one(1, text) });
export const credentialsRequestType = message({ host: one(1, text) });
export const credentialsResponseType = message({ username: one(1, text), secret: one(2, text) });
