import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot } from './harness.ts';

/** What the examples of the library print, by their names. */
export const examplesSay: Readonly<Record<string, RegExp>> = {
  'build.ts': /^FROM\nCOPY\nRUN \nhello, you\nexit code 3\n$/,
  'run-a-command.ts': /^apple\npear\n3 no such luck\n$/,
  'logs-and-stats.ts': /^(stdout line [123] true\n){3}\d+ processes, memory in use: true\nended with (\d+) and the event says \2\n$/,
  'exec-streams.ts': /^hello world\nhello container\ngreeted world\ngreeted container\nexit code 7\ngreet.sh \d+\nthe call was given up\n$/,
  'lease.ts': /^data\nreached\n1 container, 1 network, 1 volume\nall gone\n$/,
  'embedded.ts': /^hello from an engine of my own\n0 containers left\n$/,
};

/** A program that uses the library, in a process of its own, to be killed. */
export interface LibraryProgram {
  readonly child: ChildProcess;
  /** The next line that it prints; rejects when it ends without one. */
  line(): Promise<string>;
  kill(): Promise<void>;
  ended(): Promise<number | null>;
}

/** Runs a module's text, in which the library's exports are in scope as `orlop`, with another Node too. */
export function startLibraryProgram(text: string, env: Readonly<Record<string, string>> = {}, more: { uid?: number } = {}): LibraryProgram {
  const library = join(projectRoot, 'build/library/index.js');
  const source = `import * as orlop from ${JSON.stringify(library)};\n${text}`;
  const child = spawn(join(projectRoot, 'build/node'), ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_TEST_CONTEXT: '', ...env },
    ...more,
  });
  let said = '';
  child.stderr.on('data', (piece: Buffer) => (said = (said + piece.toString()).slice(-10_000)));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const closed = once(child, 'close');
  return {
    child,
    async line() {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`the program ended: ${said}`);
      return value;
    },
    async kill() {
      child.kill('SIGKILL');
      await closed;
    },
    async ended() {
      await closed;
      if (child.exitCode !== 0) process.stderr.write(said);
      return child.exitCode;
    },
  };
}
