import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SpecMount } from '#oci';
import { exampleSpec } from '../oci/commands/spec.ts';
import { type BundleWishes, openTestBundles, type Outcome, shell, type TestBundles } from './bundles.ts';

/** Bundles whose images and processes attack, and a directory of the host's that nothing of it may reach. */
export interface Attacks {
  readonly bundles: TestBundles;
  readonly home: TestBundles['home'];
  /** Holds the file `secret` and nothing else. */
  readonly outside: string;
  readonly usual: readonly SpecMount[];
  /** The usual mounts but those on and below these places. */
  without(...places: string[]): SpecMount[];
  /** To be called before each test: the root holds programs and /tmp again. */
  refresh(): void;
  run(wishes: BundleWishes): Outcome;
  /** A container that runs while `attack` does its work. */
  running(wishes: BundleWishes, attack: (id: string) => void | Promise<void>): Promise<void>;
  refused(outcome: Outcome, message: RegExp): void;
  untouched(): void;
}

export function openAttacks(mark: string): Attacks {
  const bundles = openTestBundles(mark);
  const { home } = bundles;
  const outside = join(home.directory, 'outside');
  const usual = exampleSpec().mounts ?? [];
  const complete = (wishes: BundleWishes): BundleWishes => ({ ...wishes, linux: { resources: {}, ...wishes.linux } });
  return {
    bundles,
    home,
    outside,
    usual,
    without: (...places) => usual.filter(({ destination }) => !places.some((place) => destination.startsWith(place))),
    refresh() {
      for (const name of readdirSync(home.root).filter((one) => one !== 'bin'))
        rmSync(join(home.root, name), { recursive: true, force: true });
      mkdirSync(join(home.root, 'tmp'));
      chmodSync(join(home.root, 'tmp'), 0o1777);
      rmSync(outside, { recursive: true, force: true });
      mkdirSync(outside);
      writeFileSync(join(outside, 'secret'), 'secret of the host');
    },
    run: (wishes) => bundles.run(complete(wishes)),
    async running(wishes, attack) {
      const { id, directory } = bundles.make(complete({ process: shell('sleep 1000'), ...wishes }));
      assert.deepEqual(bundles.call(['run', '--detach', '--bundle', directory, id], { detached: true }), { code: 0, out: '', err: '' });
      try {
        await attack(id);
      } finally {
        assert.equal(bundles.call(['delete', '--force', id]).code, 0);
      }
    },
    refused(outcome, message) {
      assert.deepEqual([outcome.code === 0, message.test(outcome.err)], [false, true], JSON.stringify(outcome));
    },
    untouched: () => assert.deepEqual(readdirSync(outside), ['secret']),
  };
}
