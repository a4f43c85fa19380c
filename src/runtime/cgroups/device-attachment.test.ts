import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isErrno, isOrlopError } from '#errors';
import { loadAddon } from '#sys';
import { findLeaks } from '../testing/leaks.ts';
import { reasonToSkip } from '../testing/root.ts';
import { createCgroup, openCgroup } from './cgroup.ts';
import { applyDeviceProgram, canLoadDevicePrograms } from './device-attachment.ts';
import { compileDeviceProgram } from './device-program.ts';
import { completeDeviceRules, type DeviceRule, parseDeviceRule } from './devices.ts';
import { detectCgroupLayout } from './layout.ts';
import type { Cgroup, CgroupLayout } from './types.ts';

/** cgroup2 alone, as hosts without v1 have it: programs work in a hybrid host's cgroup2 as well. */
function unifiedLayout(): CgroupLayout | null {
  const layout = detectCgroupLayout();
  return layout.unified === null ? null : { ...layout, mode: 'v2', hierarchies: layout.hierarchies.filter(({ version }) => version === 2) };
}

function reason(): string | false {
  return (
    reasonToSkip() ||
    (unifiedLayout() === null ? 'needs cgroup2' : canLoadDevicePrograms() ? false : 'this kernel takes no device programs')
  );
}

describe('device programs of this kernel', { skip: reason() }, () => {
  const mark = `orlop-device-test-${process.pid}`;
  const scratch = mkdtempSync(join(tmpdir(), `${mark}-`));
  const addon = loadAddon();
  const layout = unifiedLayout() ?? detectCgroupLayout();
  const running = new Set<{ end(): Promise<void> }>();
  after(async () => {
    for (const shell of running) await shell.end();
    await openCgroup(layout, mark).remove();
    rmSync(scratch, { recursive: true });
    assert.deepEqual(findLeaks(mark), []);
  });

  function makeCgroup(name: string): Cgroup & { readonly directory: string } {
    const cgroup = createCgroup(layout, `${mark}/${name}`);
    return { ...cgroup, directory: cgroup.unifiedDirectory ?? '' };
  }

  /** A shell in the cgroup that tries one command after the other. */
  function openShell(cgroup: Cgroup) {
    const child = spawn('/bin/sh', ['-c', 'while read -r line; do (eval "$line") 2>/dev/null && echo yes || echo no; done'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const answers = child.stdout.setEncoding('utf8')[Symbol.asyncIterator]() as AsyncIterator<string>;
    const ended = new Promise((resolve) => child.once('close', resolve));
    for (const file of cgroup.procsFiles) writeFileSync(file, String(child.pid));
    const shell = {
      async can(command: string): Promise<boolean> {
        child.stdin.write(`${command}\n`);
        return ((await answers.next()).value as string).trim() === 'yes';
      },
      async end(): Promise<void> {
        child.kill('SIGKILL');
        await ended;
        running.delete(shell);
      },
    };
    running.add(shell);
    return shell;
  }

  function programsOf(directory: string): string[] {
    const descriptor = openSync(directory, 'r');
    try {
      return addon.devicePrograms(descriptor).map(({ name }) => name);
    } finally {
      closeSync(descriptor);
    }
  }

  test('a device is opened as far as the rules allow, and new rules take the place of the old', async () => {
    const cgroup = makeCgroup('opening');
    const shell = openShell(cgroup);
    const [read, write] = [': </dev/kmsg', ': >>/dev/kmsg'];
    assert.deepEqual([await shell.can(read), await shell.can(write)], [true, true]);
    cgroup.apply({ devices: [] });
    assert.deepEqual([await shell.can(read), await shell.can(write), await shell.can(': </dev/null')], [false, false, true]);
    cgroup.apply({ devices: [{ allow: true, type: 'c', major: 1, minor: 11, access: 'r' }] });
    assert.deepEqual([await shell.can(read), await shell.can(write)], [true, false]);
    cgroup.apply({ pids: {} });
    assert.deepEqual(programsOf(cgroup.directory), ['orlop_devices']);
    cgroup.apply({ devices: [{ allow: true, type: 'a' }] });
    assert.deepEqual([await shell.can(read), await shell.can(write)], [true, true]);
    assert.deepEqual(programsOf(cgroup.directory), []);
    await shell.end();
    await cgroup.remove();
  });

  test('making a node is an access of its own', async () => {
    const cgroup = makeCgroup('making');
    const shell = openShell(cgroup);
    const make = (name: string): Promise<boolean> => shell.can(`mknod ${join(scratch, name)} b 7 99`);
    cgroup.apply({ devices: [] });
    assert.equal(await make('allowed'), true);
    assert.equal(await shell.can(`: <${join(scratch, 'allowed')}`), false);
    applyDeviceProgram(cgroup.directory, [
      parseDeviceRule({ allow: true, type: 'b', access: 'rw' }),
      parseDeviceRule({ allow: true, type: 'c', major: 1, minor: 3 }),
    ]);
    assert.equal(await make('denied'), false);
    await shell.end();
    await cgroup.remove();
  });

  test('rules hold for the cgroups below, and the program of another stays and has its say', async () => {
    const cgroup = makeCgroup('outer');
    const inner = makeCgroup('outer/inner');
    const descriptor = openSync(cgroup.directory, 'r');
    const other = addon.loadDeviceProgram(compileDeviceProgram(completeDeviceRules([])), 'someone');
    addon.attachDeviceProgram(descriptor, other, -1);
    const allowed: DeviceRule[] = [{ allow: true, type: 'c', major: 1, minor: 11, access: 'r' }];
    const shell = openShell(inner);
    cgroup.apply({ devices: allowed });
    assert.deepEqual(programsOf(cgroup.directory).sort(), ['orlop_devices', 'someone']);
    assert.equal(await shell.can(': </dev/kmsg'), false);
    addon.detachDeviceProgram(descriptor, other);
    addon.close(other);
    closeSync(descriptor);
    assert.equal(await shell.can(': </dev/kmsg'), true);
    cgroup.apply({ devices: [] });
    assert.equal(await shell.can(': </dev/kmsg'), false);
    await shell.end();
    await cgroup.remove();
  });

  test('long lists are taken', () => {
    const cgroup = makeCgroup('long');
    const devices = Array.from({ length: 400 }, (_, index): DeviceRule => {
      return {
        allow: index % 3 !== 0,
        type: index % 2 === 0 ? 'b' : 'c',
        major: index % 50,
        minor: index,
        access: index % 5 === 0 ? 'r' : 'rw',
      };
    });
    cgroup.apply({ devices });
    assert.deepEqual(programsOf(cgroup.directory), ['orlop_devices']);
  });

  test('a cgroup that is not there and a program that makes no sense fail with their names', () => {
    assert.throws(
      () => applyDeviceProgram('/sys/fs/cgroup/no-such-cgroup', []),
      (error) => isErrno(error, 'ENOENT') && isOrlopError(error) && error.message.includes('/no-such-cgroup'),
    );
    assert.throws(
      () => addon.loadDeviceProgram(new Uint8Array(8), 'broken'),
      (error) => isErrno(error, 'EINVAL', 'EACCES') && isOrlopError(error) && /BPF_PROG_LOAD.*\(.+\)/s.test(error.message),
    );
  });
});
