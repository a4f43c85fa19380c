import { Transform, type Duplex } from 'node:stream';
import { endConnection } from '#api/http';
import { createDetachScanner, createFrameDecoder, encodeFrame } from '#wire';

export interface PipeOptions {
  readonly stdin: boolean;
  /** Whether the client's end of input is the process's: Docker keeps standard input open for later clients unless it was asked for once. */
  readonly closesStdin: boolean;
  readonly terminal: boolean;
  readonly detachKeys: readonly number[];
  /** All output goes out as it comes, without frames that tell standard output and error apart. */
  readonly unframed?: boolean;
  /** A terminal's output goes out in frames of standard output. */
  readonly framed?: boolean;
  /** The detach keys have been typed. */
  readonly onDetach?: () => void;
}

/**
 * Carries bytes between a client's connection and a process until one of them is done; resolves then. Standard input ends by half-close; a client that
 * has left for good, or typed the detach keys, lets go of the process without ending its input.
 */
export function pipeProcess(client: Duplex, process: Duplex, options: PipeOptions): Promise<void> {
  return new Promise((resolve) => {
    let over = false;
    const finish = (): void => {
      if (over) return;
      over = true;
      process.destroy();
      endConnection(client);
      resolve();
    };
    process.on('error', finish);
    const translation = translationOf(options);
    const output = translation === null ? process : process.pipe(translation);
    // What has ended may still be on its way through the translation.
    process.on('close', () => {
      if (translation === null || !process.readableEnded) finish();
    });
    output.on('end', finish);
    output.on('error', finish);
    client.on('error', finish);
    client.on('close', finish);
    output.pipe(client, { end: false });
    carryInput(client, process, options, finish);
  });
}

/** Between how the process's output comes, in frames unless it has a terminal, and how it is wanted; null for none. */
function translationOf({ terminal, framed = false, unframed = false }: PipeOptions): Transform | null {
  if (terminal) return framed ? createFramer() : null;
  return unframed ? createUnframer() : null;
}

function createFramer(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, encodeFrame('stdout', chunk));
    },
  });
}

function createUnframer(): Transform {
  const decoder = createFrameDecoder();
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        for (const { data } of decoder.push(chunk)) this.push(data);
        done();
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

function carryInput(client: Duplex, process: Duplex, options: PipeOptions, detach: () => void): void {
  const { stdin, terminal, closesStdin, detachKeys } = options;
  const scanner = terminal ? createDetachScanner(detachKeys) : null;
  client.on('data', (chunk: Buffer) => {
    if (!stdin || process.destroyed || process.writableEnded) return;
    const { pass, detached } = scanner === null ? { pass: chunk, detached: false } : scanner.push(chunk);
    const more = pass.length === 0 || process.write(pass);
    if (detached) {
      options.onDetach?.();
      detach();
    } else if (!more) client.pause();
  });
  process.on('drain', () => client.resume());
  client.on('end', () => {
    if (!stdin) return;
    if (closesStdin && !terminal) process.end();
    else detach();
  });
}
