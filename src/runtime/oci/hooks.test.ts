import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { openTestBundles, shell } from '../testing/bundles.ts';
import { reasonToSkip } from '../testing/root.ts';

describe('hooks inside the container', { skip: reasonToSkip() }, () => {
  const bundles = reasonToSkip() === false ? openTestBundles('orlop-hooks') : (null as never);

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
});
