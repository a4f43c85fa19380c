import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { detectCgroupLayout, openCgroup } from '#runtime';

const program = join(import.meta.dirname, '../../bin/orlop-runtime');
const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path));

function reason(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  return busybox === undefined ? 'needs busybox (Debian package busybox-static)' : false;
}

describe('the life of a container by orlop-runtime', { skip: reason() }, () => {
  const id = `orlop-life-test-${process.pid}`;
  const home = mkdtempSync(join(tmpdir(), `${id}-`));
  const cgroup = openCgroup(detectCgroupLayout(), id);

  after(async () => {
    spawnSync(program, ['--root', join(home, 'state'), 'delete', '--force', id]);
    await cgroup.killAll();
    await cgroup.remove();
    rmSync(home, { recursive: true });
  });

  /** Standard error goes to a file: a container that outlives the call would hold a pipe open. */
  function call(words: readonly string[], expected = 0): string {
    const errors = join(home, 'errors');
    const detached = words[0] === 'create';
    const { status, stdout } = spawnSync(program, ['--root', join(home, 'state'), ...words], {
      encoding: 'utf8',
      timeout: 120_000,
      stdio: ['ignore', detached ? 'ignore' : 'pipe', openSync(errors, 'w')],
    });
    assert.equal(status, expected, `${words.join(' ')}: ${readFileSync(errors, 'utf8')}`);
    return detached ? '' : stdout;
  }

  const status = (): string => (JSON.parse(call(['state', id])) as { status: string }).status;

  function writeBundle(): string {
    const bundle = join(home, 'bundle');
    const binaries = join(bundle, 'rootfs/bin');
    mkdirSync(binaries, { recursive: true });
    copyFileSync(busybox ?? '', join(binaries, 'busybox'));
    for (const applet of ['sh', 'cat', 'mknod', 'sleep']) symlinkSync('busybox', join(binaries, applet));
    call(['spec', '--bundle', bundle]);
    const file = join(bundle, 'config.json');
    const spec = JSON.parse(readFileSync(file, 'utf8')) as {
      process: { capabilities: object };
      root: object;
      linux: { resources: object };
    };
    const capabilities = ['CAP_MKNOD', 'CAP_KILL'];
    Object.assign(spec.process, { terminal: false, args: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'] });
    Object.assign(spec.process.capabilities, { bounding: capabilities, effective: capabilities, permitted: capabilities });
    Object.assign(spec.root, { readonly: false });
    Object.assign(spec.linux, {
      cgroupsPath: `/${id}`,
      resources: {
        devices: [{ allow: false, access: 'rwm' }],
        memory: { limit: 64 << 20 },
        pids: { limit: 30 },
        cpu: { quota: 100_000, period: 100_000 },
      },
    });
    writeFileSync(file, JSON.stringify(spec));
    return bundle;
  }

  test('it is created with its limits, runs, stands still, is limited anew, ends and leaves nothing', () => {
    call(['create', '--bundle', writeBundle(), id]);
    assert.equal(status(), 'created');
    const { memory, pids } = cgroup.stats();
    assert.deepEqual([memory.limitBytes, pids.limit], [64 << 20, 30]);

    call(['start', id]);
    assert.equal(status(), 'running');
    // Block device 7:0 is a loop device: its node can be made, and not be opened.
    const script = 'mknod /loop b 7 0 && echo made; cat </loop >/dev/null 2>&1 || echo denied';
    assert.equal(call(['exec', id, 'sh', '-c', script]), 'made\ndenied\n');

    call(['pause', id]);
    assert.equal(status(), 'paused');
    assert.ok(cgroup.isFrozen());
    call(['resume', id]);
    call(['update', '--pids-limit', '40', id]);
    assert.equal(cgroup.stats().pids.limit, 40);

    call(['kill', id, 'KILL']);
    call(['delete', '--force', id]);
    call(['state', id], 1);
    assert.deepEqual(cgroup.pids(), []);
    assert.ok(!existsSync(cgroup.unifiedDirectory ?? cgroup.directoryOf('pids') ?? ''));
  });
});
