// Runs system tests on the kernels of Debian 12 (6.1) and Debian 13 (6.12), under systemd and cgroup2 alone, in a machine that qemu emulates:
//   npm run test:vm -- [--kernel 6.1] [--accel kvm] [--minutes 15] [TEST FILE…]
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '../rooms.ts';
import { kernels, openBaseDisk, type KernelVersion } from './base-disk.ts';
import { runMachine } from './boot.ts';
import { whatIsMissing } from './programs.ts';
import { makeWorkDisk } from './work-disk.ts';

const usual = [
  'src/sys/overlay.test.ts',
  'tests/system/app-container.test.ts',
  'tests/system/system-container.test.ts',
  'tests/system/engine-death.test.ts',
];

async function testOn(version: KernelVersion, tests: readonly string[], accelerator: string, minutes: number): Promise<boolean> {
  const directory = join(projectRoot, 'build/vm');
  mkdirSync(directory, { recursive: true });
  const base = await openBaseDisk(join(directory, 'base'), version);
  const workDisk = await makeWorkDisk(directory, tests);
  const consoleLog = join(directory, `console-${version}.log`);
  process.stdout.write(`Linux ${version} starts; its console goes to ${consoleLog}\n`);
  const started = Date.now();
  const code = await runMachine({ ...base, workDisk, consoleLog, timeoutMs: minutes * 60_000, accelerator });
  rmSync(workDisk);
  const verdict = code === 0 ? 'passed' : code === null ? 'did not come to their end' : `failed (${code})`;
  process.stdout.write(`Linux ${version}: the tests ${verdict} after ${Math.round((Date.now() - started) / 1000)} s\n`);
  return code === 0;
}

const missing = whatIsMissing();
if (missing === null) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      kernel: { type: 'string', multiple: true },
      accel: { type: 'string', default: 'tcg' },
      minutes: { type: 'string', default: '15' },
    },
  });
  const unknown = values.kernel?.find((version) => !kernels.some((known) => known === version));
  if (unknown !== undefined) throw new Error(`--kernel ${unknown} is none of ${kernels.join(', ')}`);
  const wanted = kernels.filter((version) => values.kernel?.includes(version) ?? true);
  for (const version of wanted) {
    const passed = await testOn(version, positionals.length === 0 ? usual : positionals, values.accel, Number(values.minutes));
    if (!passed) process.exitCode = 1;
  }
} else {
  process.stderr.write(`${missing}\n`);
  process.exitCode = 1;
}
