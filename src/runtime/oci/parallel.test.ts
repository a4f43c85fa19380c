import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { openTestBundles } from '../testing/bundles.ts';
import { reasonToSkip } from '../testing/root.ts';

const launcher = join(import.meta.dirname, '../../../bin/orlop-runtime');
const built = existsSync(join(import.meta.dirname, '../../../build/orlop-runtime'));
const skip = reasonToSkip() || (built ? false : 'needs build/orlop-runtime: run npm run build');
const many = 100;

describe('many at once', { skip }, () => {
  const mark = `orlop-many-${process.pid}`;
  const bundles = skip === false ? openTestBundles(mark) : (null as never);

  after(async () => {
    assert.deepEqual(await bundles.close(), []);
  });

  /** Its streams are not those of the container, which would hold them. */
  async function call(...words: string[]): Promise<void> {
    const child = spawn(launcher, ['--root', bundles.root, ...words], { stdio: ['ignore', 'ignore', 'inherit'] });
    const [code] = (await once(child, 'exit')) as [number];
    assert.equal(code, 0, words.join(' '));
  }

  test(`${many} containers are created, started and deleted side by side, and nothing of them stays`, async () => {
    const made = Array.from({ length: many }, () => bundles.make({ process: { args: ['sleep', '1000'] } }));
    await Promise.all(
      made.map(async ({ id, directory }) => {
        await call('create', '--bundle', directory, id);
        await call('start', id);
        await call('delete', '--force', id);
      }),
    );
    assert.deepEqual(readdirSync(bundles.root), []);
  });

  test('of those that want one name, one gets it', async () => {
    const { id, directory } = bundles.make({ process: { args: ['sleep', '1000'] } });
    const codes = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const child = spawn(launcher, ['--root', bundles.root, 'create', '--bundle', directory, id], { stdio: 'ignore' });
        return (await once(child, 'exit'))[0] as number;
      }),
    );
    assert.deepEqual(
      codes.toSorted((one, other) => one - other),
      [0, ...Array.from({ length: 9 }, () => 1)],
    );
    await call('delete', '--force', id);
  });
});
