import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { AT_FDCWD, AT_RECURSIVE, loadAddon, MNT_DETACH, MS_SHARED, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from '#sys';
import { openTestContainers, specOf } from '../testing/containers.ts';
import { makeBusyboxRoot, reasonToSkip } from '../testing/root.ts';

describe('a root on a shared mount, as systemd makes all of them', { skip: reasonToSkip() }, () => {
  test('is entered, and what is mounted in the container stays there', async () => {
    await using undo = new AsyncDisposableStack();
    const addon = loadAddon();
    const home = makeBusyboxRoot();
    undo.defer(() => home.remove());
    const shared = join(home.directory, 'shared');
    mkdirSync(shared);
    addon.mount('tmpfs', shared, 'tmpfs', 0, null);
    undo.defer(() => addon.umount(shared, MNT_DETACH));
    addon.mount(null, shared, null, MS_SHARED, null);
    cpSync(home.root, join(shared, 'root'), { recursive: true, verbatimSymlinks: true });
    const containers = openTestContainers(`orlop-shared-test-${process.pid}`);
    undo.defer(async () => assert.deepEqual(await containers.close(), []));
    const mount = addon.openTree(AT_FDCWD, join(shared, 'root'), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    undo.defer(() => addon.close(mount));
    const mountsHere = (): string[] =>
      readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .filter((line) => line.includes(home.directory));
    const before = mountsHere();
    const spec = specOf({ args: ['sh', '-c', 'cat /proc/self/mountinfo'] });
    const { code, output } = await containers.run(spec, { start: { root: { mount } } });
    assert.equal(code, 0);
    assert.match(output, / \/proc .* - proc /);
    assert.deepEqual(mountsHere(), before);
  });
});
