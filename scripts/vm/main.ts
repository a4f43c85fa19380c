// Runs system tests on the kernels of Debian 12 (6.1) and Debian 13 (6.12), under systemd and cgroup2 alone, in a machine that qemu emulates:
//   npm run test:vm -- [--smoke] [--kernel 6.1] [--accel kvm] [--minutes 60] [--script FILE] [TEST FILE…]
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '../rooms.ts';
import { kernels, openBaseDisk, type Contents, type KernelVersion } from './base-disk.ts';
import { runMachine } from './boot.ts';
import { provideMachinePrograms } from './programs.ts';
import { makeWorkDisk, type Work } from './work-disk.ts';

const usual = [
  ['src/sys/**/*.test.ts'],
  ['src/runtime/*.test.ts', 'src/runtime/{cgroups,plan,seccomp}/**/*.test.ts'],
  ['src/runtime/{sandbox,systemd}/**/*.test.ts'],
  ['src/runtime/oci/**/*.test.ts'],
  ['src/network/**/*.test.ts'],
  // Project quotas, which our own kernel does not have.
  ['src/store/snapshots/*.test.ts', 'src/volume/sized.test.ts', 'src/engine/disk-limit.test.ts'],
  ['tests/system/*.test.ts'],
  ['tests/vm/*.test.ts', 'tests/clients/systemd-cgroups.test.ts'],
  ['tests/clients/{buildah,conmon,console,containerd,dockerd,exec,podman,seccomp-notify}.test.ts'],
];

/** What differs most from our own machines, in a minute or two. */
const smoke = [
  [
    'src/runtime/cgroups/cgroup.test.ts',
    'src/runtime/cgroups/unified.test.ts',
    'src/runtime/cgroups/device-attachment.test.ts',
    'tests/vm/lifecycle.test.ts',
  ],
];

interface Run {
  readonly version: KernelVersion;
  readonly contents: Contents;
  readonly work: Work;
  readonly accelerator: string;
  /** As performance.now() tells it. */
  readonly deadline: number;
}

async function testOn({ version, contents, work, accelerator, deadline }: Run): Promise<boolean> {
  const directory = join(projectRoot, 'build/vm');
  mkdirSync(directory, { recursive: true });
  const left = (): number => Math.max(deadline - performance.now(), 1);
  const base = await openBaseDisk(join(directory, 'base'), contents, version, left());
  // Inside, they end a little earlier, so that it can be told which one was under way.
  const seconds = Math.max(Math.floor(left() / 1000) - 60, 30);
  const workDisk = await makeWorkDisk(directory, { ...work, seconds }, left());
  const consoleLog = join(directory, `console-${version}.log`);
  process.stdout.write(`Linux ${version} starts; its console goes to ${consoleLog}\n`);
  const started = performance.now();
  const code = await runMachine({ ...base, workDisk, consoleLog, timeoutMs: left(), accelerator });
  rmSync(workDisk);
  const verdict = code === 0 ? 'passed' : code === null ? 'did not come to their end' : `failed (${code})`;
  process.stdout.write(`Linux ${version}: the tests ${verdict} after ${Math.round((performance.now() - started) / 1000)} s\n`);
  return code === 0;
}

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      smoke: { type: 'boolean', default: false },
      kernel: { type: 'string', multiple: true },
      accel: { type: 'string', default: 'tcg' },
      minutes: { type: 'string' },
      script: { type: 'string' },
    },
  });
  const unknown = values.kernel?.find((version) => !kernels.some((known) => known === version));
  if (unknown !== undefined) throw new Error(`--kernel ${unknown} is none of ${kernels.join(', ')}`);
  const minutes = Number(values.minutes ?? (values.smoke ? 12 : 60));
  if (!(minutes > 0)) throw new Error(`--minutes ${values.minutes} is no time`);
  const versions = kernels.filter((version) => values.kernel?.includes(version) ?? (!values.smoke || version === '6.1'));
  const tests = positionals.length > 0 ? positionals.map((pattern) => [pattern]) : values.smoke ? smoke : usual;
  const script = values.script === undefined ? null : readFileSync(values.script, 'utf8');
  const contents: Contents = values.smoke ? 'small' : 'engines';
  return { versions, minutes, contents, work: { tests, script }, accelerator: values.accel, smoke: values.smoke };
}

const asked = readArguments();
const started = performance.now();
const missing = await provideMachinePrograms(asked.minutes * 60_000);
if (missing === null) {
  for (const [index, version] of asked.versions.entries()) {
    const deadline = (index === 0 ? started : performance.now()) + asked.minutes * 60_000;
    if (!(await testOn({ version, contents: asked.contents, work: asked.work, accelerator: asked.accelerator, deadline })))
      process.exitCode = 1;
  }
} else {
  process.stdout.write(`skipped: ${missing}\n`);
  if (!asked.smoke) process.exitCode = 1;
}
