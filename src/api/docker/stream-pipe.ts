import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createDetachScanner } from '#wire';

export interface PipeOptions {
  readonly stdin: boolean;
  /** Whether the client's end of input is the process's: Docker keeps standard input open for later clients unless it was asked for once. */
  readonly closesStdin: boolean;
  readonly terminal: boolean;
  readonly detachKeys: readonly number[];
}

/**
 * Carries bytes between a client's connection and a process until one of them is done; resolves then. Standard input ends by half-close; a client that
 * has left for good, or typed the detach keys, lets go of the process without ending its input.
 */
export function pipeProcess(client: Socket, process: Duplex, options: PipeOptions): Promise<void> {
  return new Promise((resolve) => {
    let over = false;
    const finish = (): void => {
      if (over) return;
      over = true;
      process.destroy();
      client.end();
      // Its other half may stay open for ever; nobody reads it any more.
      client.resume();
      resolve();
    };
    process.on('error', finish);
    process.on('close', finish);
    process.on('end', finish);
    client.on('error', finish);
    client.on('close', finish);
    process.pipe(client, { end: false });
    carryInput(client, process, options, finish);
  });
}

function carryInput(client: Socket, process: Duplex, options: PipeOptions, detach: () => void): void {
  const { stdin, terminal, closesStdin, detachKeys } = options;
  const scanner = terminal ? createDetachScanner(detachKeys) : null;
  client.on('data', (chunk: Buffer) => {
    if (!stdin || process.destroyed || process.writableEnded) return;
    const { pass, detached } = scanner === null ? { pass: chunk, detached: false } : scanner.push(chunk);
    const more = pass.length === 0 || process.write(pass);
    if (detached) detach();
    else if (!more) client.pause();
  });
  process.on('drain', () => client.resume());
  client.on('end', () => {
    if (!stdin) return;
    if (closesStdin && !terminal) process.end();
    else detach();
  });
}
