import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { TestEngine } from './harness.ts';

/** What Debian's wrk saw of a server. */
export interface WrkReport {
  /** Answers of the kinds 2 and 3. */
  readonly answered: number;
  /** Everything else, by what wrk calls it. */
  readonly failed: Readonly<Record<'status' | 'connect' | 'read' | 'write' | 'timeout', number>>;
}

const image = 'wrk';

/** An image with Debian's wrk, made by the engine itself. */
export async function buildWrk(engine: TestEngine): Promise<void> {
  const directory = join(engine.root, image);
  mkdirSync(directory);
  const install = 'apt-get update && apt-get install -y --no-install-recommends wrk && rm -rf /var/lib/apt/lists/*';
  writeFileSync(
    join(directory, 'Dockerfile'),
    `FROM debian:trixie\nRUN --mount=type=cache,target=/var/cache/apt,sharing=locked ${install}\n`,
  );
  await engine.must('build', '-q', '-t', image, directory);
}

/** Asks for a page over eight connections, as fast as it comes, while `work` goes on. In the background: it must outlive the engine. */
export async function whileWrkAsks(engine: TestEngine, url: string, work: () => Promise<void>): Promise<WrkReport> {
  const id = await engine.must('run', '-d', '--network', 'host', image, 'wrk', '-t', '1', '-c', '8', '-d', '600s', '--timeout', '30s', url);
  try {
    await delay(500);
    await work();
    await delay(500);
    await engine.must('kill', '-s', 'INT', id);
    assert.equal(await engine.must('wait', id), '0');
    return parseReport(await engine.must('logs', id));
  } finally {
    await engine.orlop('rm', '-f', id);
  }
}

/** The summary that wrk prints at its end; what it does not mention did not happen. */
function parseReport(text: string): WrkReport {
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0);
  const socket = (name: string): number => number(new RegExp(`Socket errors:.* ${name} (\\d+)`));
  const status = number(/Non-2xx or 3xx responses: (\d+)/);
  const asked = /(\d+) requests in/.exec(text)?.[1];
  assert.ok(asked !== undefined, `wrk said: ${text}`);
  return {
    answered: Number(asked) - status,
    failed: { status, connect: socket('connect'), read: socket('read'), write: socket('write'), timeout: socket('timeout') },
  };
}
