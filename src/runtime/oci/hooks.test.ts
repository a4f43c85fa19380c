import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { openTestBundles, shell } from '../testing/bundles.ts';
import { reasonToSkip } from '../testing/root.ts';

describe('hooks in the namespaces of the container', { skip: reasonToSkip() }, () => {
  const bundles = reasonToSkip() === false ? openTestBundles(`orlop-hooks-${process.pid}`) : (null as never);

  after(async () => assert.deepEqual(await bundles.close(), []));

  test('run below a seccomp filter that lets no process be made by clone3', () => {
    const seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }],
    } as const;
    const hooks = { startContainer: [{ path: '/bin/sh', args: ['sh', '-c', 'echo hooked >/tmp/hooked'], env: ['PATH=/bin'] }] };
    for (const noNewPrivileges of [false, true]) {
      const rest = { root: { path: bundles.home.root }, hooks };
      const { code, out, err } = bundles.run({
        process: { ...shell('cat /tmp/hooked; rm /tmp/hooked'), noNewPrivileges },
        rest,
        linux: { seccomp },
      });
      assert.deepEqual([code, out], [0, 'hooked\n'], err);
    }
  });

  test('before the root is entered see the mounts of the container where the bundle has its root', () => {
    const { home } = bundles;
    writeFileSync(join(home.directory, 'bound'), 'what is bound\n');
    const script = `readlink ${home.root}/proc/self && cat ${home.root}/tmp/bound && pwd`;
    const rest = {
      root: { path: home.root },
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        { destination: '/tmp/bound', type: 'bind', source: join(home.directory, 'bound'), options: ['bind'] },
      ],
    };
    const createContainer = [{ path: '/bin/sh', args: ['sh', '-c', `(${script}) >${home.directory}/seen 2>&1`] }];
    // Hooks before it change how the root is found.
    for (const prestart of [[], [{ path: '/bin/true' }]]) {
      const { code, err } = bundles.run({
        rest: { ...rest, hooks: { prestart, createContainer } },
        linux: { maskedPaths: [], readonlyPaths: [] },
      });
      assert.equal(code, 0, err);
      assert.match(readFileSync(join(home.directory, 'seen'), 'utf8'), new RegExp(`^\\d+\nwhat is bound\n${home.root}\n$`));
    }
  });

  test('in the bundle leave paths of the command line what they were', () => {
    const { home } = bundles;
    const createRuntime = [{ path: '/bin/sh', args: ['sh', '-c', `pwd >${home.directory}/where; cat >>${home.directory}/where`] }];
    const { id, directory } = bundles.make({ rest: { root: { path: home.root }, hooks: { createRuntime } } });
    const relative = ['--root', 'records', '--log', 'said', '--debug'];
    const call = (...words: string[]) => bundles.call([...relative, ...words], { detached: true });
    const created = call('create', '--bundle', directory, '--pid-file', 'pid', id);
    assert.equal(created.code, 0, created.err);
    assert.deepEqual(
      ['records', 'said', 'pid'].map((name) => existsSync(join(home.directory, name))),
      [true, true, true],
    );
    const [where, state = ''] = readFileSync(join(home.directory, 'where'), 'utf8').split('\n');
    assert.equal(where, directory);
    assert.equal('annotations' in JSON.parse(state), false, state);
    assert.equal(call('delete', '--force', id).code, 0);
  });

  test('that are not there are told as such', () => {
    for (const phase of ['createRuntime', 'createContainer', 'startContainer'] as const) {
      const { code, err } = bundles.run({ rest: { hooks: { [phase]: [{ path: '/no/such/hook' }] } } });
      assert.equal(code, 1);
      assert.match(err, new RegExp(`error running ${phase} hook #0: .*fork/exec /no/such/hook: no such file or directory`));
    }
  });

  test('that fail before the program keep it from running, and the hooks that come after it still run', () => {
    const { home } = bundles;
    const order = join(home.directory, 'order');
    const outside = (word: string) => [{ path: '/bin/sh', args: ['sh', '-c', `echo ${word} >>${order}`] }];
    const hooks = { startContainer: [{ path: '/bin/false' }], poststart: outside('poststart'), poststop: outside('poststop') };
    const { id, directory } = bundles.make({ process: shell('touch /tmp/it-ran'), rest: { root: { path: home.root }, hooks } });
    assert.equal(bundles.call(['create', '--bundle', directory, id], { detached: true }).code, 0);
    const { code, err } = bundles.call(['start', id]);
    assert.deepEqual([code, /error running startContainer hook #0/.test(err)], [1, true], err);
    assert.equal(bundles.call(['delete', '--force', id]).code, 0);
    assert.equal(readFileSync(order, 'utf8'), 'poststart\npoststop\n');
    assert.equal(existsSync(join(home.root, 'tmp/it-ran')), false);
  });
});
