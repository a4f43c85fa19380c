import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome, TestEngine } from './harness.ts';

/** A command of a service that does nothing until it is told to end. */
export const keepRunning = '[sh, -c, "trap \'exit 0\' TERM; while :; do sleep 0.1; done"]';

/** A directory with a Compose file, and `orlop compose` in it. */
export interface ComposeProject {
  readonly name: string;
  readonly directory: string;
  write(text: string, file?: string): void;
  compose(...args: string[]): Promise<Outcome>;
  /** As `compose`, but a code other than 0 throws with what was said. */
  must(...args: string[]): Promise<string>;
  /** Of all containers, or a service's, whole. */
  ids(service?: string): Promise<string[]>;
}

export function composeProject(engine: TestEngine, name: string, text: string): ComposeProject {
  const directory = join(engine.root, name);
  mkdirSync(directory);
  const write = (content: string, file = 'compose.yaml'): void => writeFileSync(join(directory, file), content);
  write(text);
  const compose = (...args: string[]): Promise<Outcome> => engine.orlopWith({ cwd: directory, timeoutMs: 60_000 }, 'compose', ...args);
  const must = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await compose(...args);
    assert.equal(code, 0, `orlop compose ${args.join(' ')}: ${stderr}${stdout}`);
    return stdout.trimEnd();
  };
  const ids = async (...service: string[]): Promise<string[]> =>
    (await must('ps', '-a', '-q', '--no-trunc', ...service)).split('\n').filter((id) => id !== '');
  return { name, directory, write, compose, must, ids };
}
