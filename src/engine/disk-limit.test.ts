import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { diskSizeOf } from './container/disk-limit.ts';
import { openTestEngine, whyNoEngine, type TestEngine, type TestEngineOptions } from './fixtures/test-engine.ts';

test('a size is read as Docker reads it, in whole blocks; other options are refused by name', () => {
  const sizes: [string, number][] = [
    ['64m', 67_108_864],
    ['10G', 10_737_418_240],
    ['1.5GiB', 1_610_612_736],
    ['67108865', 67_112_960],
  ];
  for (const [size, bytes] of sizes) assert.equal(diskSizeOf({ storageOptions: { size } }), bytes, size);
  assert.equal(diskSizeOf({}), undefined);
  for (const size of ['', 'much', '-1', '1z', '99999999P'])
    assert.throws(() => diskSizeOf({ storageOptions: { size } }), { code: 'ENGINE_DISK_SIZE' }, size);
  assert.throws(() => diskSizeOf({ storageOptions: { inodes: '5' } }), { message: 'Unknown option inodes' });
});

interface Place {
  readonly name: string;
  /** Why not here, or false. */
  readonly skip: string | false;
  open(): { readonly root: string; close(): void };
}

const quotaDisk = (type: 'ext4' | 'xfs', mkfs: readonly string[]): Place => ({
  name: `project quotas on ${type}`,
  skip: whyNoEngine() || whyNoQuota(type, mkfs),
  open: () => mountQuotaDisk(type, mkfs),
});

function mountQuotaDisk(type: string, mkfs: readonly string[]): { readonly root: string; close(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-quota-'));
  const [image, root] = [join(directory, 'image'), join(directory, 'disk')];
  try {
    writeFileSync(image, '');
    truncateSync(image, 512 * 1024 * 1024);
    execFileSync(`mkfs.${type}`, ['-q', ...mkfs, image], { stdio: 'pipe' });
    mkdirSync(root);
    execFileSync('mount', ['-t', type, '-o', 'loop,prjquota', image, root], { stdio: 'pipe' });
  } catch (error) {
    rmSync(directory, { recursive: true });
    throw error;
  }
  return {
    root,
    close() {
      execFileSync('umount', [root]);
      rmSync(directory, { recursive: true });
    },
  };
}

function whyNoQuota(type: string, mkfs: readonly string[]): string | false {
  if (spawnSync(`mkfs.${type}`, ['-V']).error !== undefined) return `there is no mkfs.${type}`;
  try {
    mountQuotaDisk(type, mkfs).close();
    return false;
  } catch {
    return `this kernel has no project quotas on ${type}`;
  }
}

const places: readonly Place[] = [
  { name: 'image files', skip: whyNoEngine(), open: () => ({ root: tmpdir(), close: () => undefined }) },
  quotaDisk('ext4', ['-O', 'quota,project', '-E', 'quotatype=prjquota']),
  quotaDisk('xfs', []),
];

/** Online growth of ext4 asks for CAP_SYS_RESOURCE (capabilities(7)), which not every root has. */
const mayGrow = (BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`) & (1n << 24n)) !== 0n;

const loopFiles = (): string[] =>
  readdirSync('/sys/block')
    .filter((name) => name.startsWith('loop'))
    .flatMap((name) => {
      try {
        return [readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trim()];
      } catch {
        return [];
      }
    });

async function eventually(what: string, isSo: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 30_000; !isSo(); await new Promise((resolve) => setTimeout(resolve, 20)))
    assert.ok(Date.now() < deadline, what);
}

const mib = 1024 * 1024;
/** What df(1) says of the root, in MiB: size, and what is used. */
const df = "df -m / | awk 'NR==2{print $2,$3}'";
const fill = 'dd if=/dev/zero of=/fill bs=1M count=600 2>&1 | grep -o "No space left on device\\|Disk quota exceeded" | head -n1';

for (const snapshots of ['overlay', 'native'] as const satisfies TestEngineOptions['snapshots'][]) {
  for (const place of places) {
    describe(`disks of limited size: ${place.name}, ${snapshots}`, { skip: place.skip }, () => {
      let bench: TestEngine;
      let opened: ReturnType<Place['open']>;
      before(async () => {
        opened = place.open();
        bench = await openTestEngine({ snapshots, parent: opened.root });
      });
      after(async () => {
        await bench[Symbol.asyncDispose]();
        await eventually(`loop devices stay: ${loopFiles().join(' ')}`, () =>
          loopFiles().every((file) => !file.startsWith(bench.dataRoot)),
        );
        opened.close();
      });
      const storageOptions = { size: '64m' };
      const isImage = place.name === 'image files';

      for (const request of [{}, { userNamespace: 'host' }, { kind: 'system' }] as const) {
        const kind = JSON.stringify(request);
        test(`a container sees its size, fills it and no more, and grows while it runs (${kind})`, async () => {
          const commands = `${df}; ${fill}; rm /fill; echo kept > /kept; read x; ${df}; dd if=/dev/zero of=/more bs=1M count=90 2>/dev/null && echo grown; rm /more`;
          const id = await bench.run(['sh', '-c', commands], { storageOptions, openStdin: true, ...request });
          const output = async (): Promise<string[]> => (await bench.output(id)).split(/\r?\n/);
          // The kernel may say something of its own on a terminal (CONFIG_PRINT_QUOTA_WARNING).
          const isFull = /No space left on device|Disk quota exceeded/;
          for (const deadline = Date.now() + 60_000; !(await output()).some((line) => isFull.test(line)); ) {
            assert.ok(Date.now() < deadline, (await output()).join('\n'));
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
          const [size] = await output();
          assert.equal(size?.split(' ')[0], '64');
          if (!isImage || mayGrow) await bench.engine.containers.resizeDisk(id, 128 * mib);
          const attached = await bench.engine.containers.attach(id, { stdin: true, stdout: false, stderr: false });
          attached.stream.end('\n');
          await bench.exitCode(id);
          attached.stream.destroy();
          const rest = (await output()).filter((line) => /^128 |grown/.test(line));
          if (!isImage || mayGrow) {
            assert.equal(rest[0]?.split(' ')[0], '128', (await output()).join('\n'));
            assert.equal(rest[1], 'grown', (await output()).join('\n'));
            assert.equal(bench.engine.containers.inspect(id).request.storageOptions?.['size'], String(128 * mib));
          }
          assert.ok((await bench.engine.archives.changes(id)).some(({ path }) => path === '/kept'));
          await bench.engine.containers.remove(id, {});
        });
      }

      // In a whole copy on ext4 nothing stands between such a container and the quota, which does not hold who has CAP_SYS_RESOURCE.
      test('a privileged container with the users of the host is limited too', {
        skip: snapshots === 'native' && 'not promised',
      }, async () => {
        const id = await bench.run(['sh', '-c', fill], { storageOptions, privileged: true, userNamespace: 'host' });
        await bench.exitCode(id);
        assert.match(await bench.output(id), /No space left on device|Disk quota exceeded/);
        await bench.engine.containers.remove(id, {});
      });

      test('what was written stays over a stop, and can be committed', async () => {
        const id = await bench.run(['sh', '-c', 'echo line >> /kept; cat /kept'], { storageOptions });
        await bench.exitCode(id);
        await bench.engine.containers.start(id);
        await bench.exitCode(id);
        assert.equal(await bench.output(id), 'line\nline\nline\n');
        assert.equal((await bench.engine.files.stat(id, '/kept')).sizeBytes, 10);
        await bench.engine.archives.commit(id, { name: 'limited:1' });
        const next = await bench.run(['cat', '/kept'], { image: 'limited:1' });
        await bench.exitCode(next);
        assert.equal(await bench.output(next), 'line\nline\n');
      });

      test('a new volume gets what the image has at its place', async () => {
        const mounts = [{ type: 'volume', source: `filled-${snapshots}`, target: '/etc' }] as const;
        const id = await bench.run(['sh', '-c', 'ls /etc | grep passwd'], { storageOptions, mounts });
        assert.equal(await bench.exitCode(id), 0, await bench.output(id));
        await bench.engine.containers.remove(id, {});
      });

      test('another engine finds a running container and its disk, and removes both', async () => {
        const id = await bench.run(['sh', '-c', 'echo before > /mark; read x; cat /mark; df -m / | tail -n1'], {
          storageOptions,
          openStdin: true,
        });
        await bench.reopen();
        assert.ok((await bench.engine.archives.changes(id)).some(({ path }) => path === '/mark'));
        const attached = await bench.engine.containers.attach(id, { stdin: true, stdout: false, stderr: false });
        attached.stream.end('\n');
        await bench.exitCode(id);
        attached.stream.destroy();
        assert.match(await bench.output(id), /^before\n/);
        await bench.engine.containers.remove(id, {});
        assert.ok(!readdirSync(join(bench.dataRoot, 'containers')).includes(id));
      });

      test('a limit shrinks no further than what is used; one that comes later is possible with quotas only', async () => {
        const id = await bench.create(['true'], { storageOptions });
        const smaller = bench.engine.containers.resizeDisk(id, 32 * mib);
        if (isImage) await assert.rejects(smaller, (error) => isOrlopError(error, 'failed-precondition'));
        else await smaller;
        assert.equal(bench.engine.containers.inspect(id).request.storageOptions?.['size'], isImage ? '64m' : String(32 * mib));
        const used = await bench.run(['dd', 'if=/dev/zero', 'of=/fill', 'bs=1M', 'count=40'], { storageOptions });
        await bench.exitCode(used);
        await assert.rejects(bench.engine.containers.resizeDisk(used, 32 * mib), (error) =>
          isOrlopError(error, isImage ? 'failed-precondition' : 'conflict'),
        );
        const free = await bench.run(['sh', '-c', `echo kept > /kept; read x; ${df}; ${fill}; cat /kept`], { openStdin: true });
        const later = bench.engine.containers.resizeDisk(free, 64 * mib);
        if (isImage) await assert.rejects(later, { code: 'SYS_DISK_UNLIMITED' });
        else await later;
        const attached = await bench.engine.containers.attach(free, { stdin: true, stdout: false, stderr: false });
        attached.stream.end('\n');
        await bench.exitCode(free);
        attached.stream.destroy();
        if (!isImage) assert.match(await bench.output(free), /^64 \d+\n(No space left|Disk quota exceeded).*\nkept\n$/);
      });
    });
  }
}
