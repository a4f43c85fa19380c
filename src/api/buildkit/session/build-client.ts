import { isOrlopError } from '#errors';
import type { BuildClient } from '#wire';
import { emptyType } from '../messages/control.ts';
import {
  agentRequestType,
  credentialsRequestType,
  credentialsResponseType,
  pieceType,
  secretRequestType,
  secretResponseType,
} from '../messages/session.ts';
import type { ClientSession } from './sessions.ts';

const secretMethod = '/moby.buildkit.secrets.v1.Secrets/GetSecret';
const checkAgentMethod = '/moby.sshforward.v1.SSH/CheckAgent';
const agentMethod = '/moby.sshforward.v1.SSH/ForwardAgent';
const loginMethod = '/moby.filesync.v1.Auth/Credentials';
const agentIdKey = 'buildkit.ssh.id';
/** The agent's protocol has messages of at most 256 KiB; clients read pieces of this size. */
const pieceBytes = 32 * 1024;

/** What the steps of a build may ask its client for. What they get is kept nowhere here. */
export function createBuildClient(session: ClientSession): BuildClient {
  const { services, offers } = session;
  return {
    async secret(id, signal) {
      if (!offers(secretMethod)) return null;
      const types = { request: secretRequestType, response: secretResponseType };
      const found = await orNull(services.ask(secretMethod, types, { id }, signal), 'not-found');
      return found?.data ?? null;
    },
    async hasAgent(id, signal) {
      if (!offers(checkAgentMethod)) return false;
      const types = { request: agentRequestType, response: emptyType };
      return (await orNull(services.ask(checkAgentMethod, types, { id }, signal), 'internal')) !== null;
    },
    async *talkToAgent(id, from, signal) {
      const call = services.open(agentMethod, { [agentIdKey]: id }, signal);
      const said = sayAll(from, (piece) => call.send(pieceType.encode({ data: piece }))).finally(() => call.end());
      said.catch(() => undefined);
      try {
        for await (const message of call.messages) yield pieceType.decode(message).data;
      } finally {
        call.cancel();
      }
    },
    async login(registry, signal) {
      if (!offers(loginMethod)) return null;
      const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
      const types = { request: credentialsRequestType, response: credentialsResponseType };
      const { username, secret } = await services.ask(loginMethod, types, { host }, signal);
      if (secret === '') return null;
      // A login without a name is a refresh token: docker's own convention.
      return username === '' ? { identityToken: secret } : { username, password: secret };
    },
  };
}

async function sayAll(from: AsyncIterable<Uint8Array>, send: (piece: Uint8Array) => Promise<void>): Promise<void> {
  for await (const chunk of from) for (let at = 0; at < chunk.length; at += pieceBytes) await send(chunk.subarray(at, at + pieceBytes));
}

/** What is missing has no status of its own in all clients: of old they say unknown. */
async function orNull<Value>(asked: Promise<Value>, kind: 'not-found' | 'internal'): Promise<Value | null> {
  try {
    return await asked;
  } catch (error) {
    if (isOrlopError(error, kind) || isOrlopError(error, 'not-found')) return null;
    throw error;
  }
}
