import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type ErrorKind, isOrlopError } from '#errors';
import { type Digest, parseDigest } from '#oci';
import { createRegistryClient } from '../client.ts';
import type { Credential, Repository } from '../types.ts';
import { type Handler, openServer, type TestServer } from './server.ts';

/** Bounds by which a test of failures ends soon. */
export const limits = { stallMs: 300, leastBytes: 1000, attempts: 3, backoffMs: 1, longestWaitMs: 20 } as const;

export function digestOf(bytes: Uint8Array): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Calls `use` with the repository `team/app` of a server that does what `handler` says. */
export async function against<T>(
  handler: Handler,
  use: (repository: Repository, server: TestServer) => Promise<T>,
  credential: Credential | null = null,
): Promise<T> {
  await using server = await openServer(handler);
  using client = createRegistryClient({ limits, certificateDirectories: [] });
  return await use(client.repository({ domain: server.host, path: 'team/app' }, { credentials: () => credential }), server);
}

/** For `assert.rejects`. */
export function failsWith(kind: ErrorKind, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isOrlopError(error, kind), String(error));
    assert.match(error.message, pattern);
    return true;
  };
}
