import { pieceType } from '../messages/session.ts';
import type { ClientSession } from './sessions.ts';

const method = '/moby.upload.v1.Upload/Pull';

/** A stream that the client hands over once, as when a context comes from its standard input. Fails as the client says. */
export async function* readUpload(session: ClientSession, path: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const call = session.services.open(method, { urlhost: 'buildkit-session', urlpath: `/${path}` }, signal);
  call.end();
  try {
    for await (const message of call.messages) yield pieceType.decode(message).data;
  } finally {
    call.cancel();
  }
}
