import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { BaseDisk } from './base-disk.ts';
import { endWithUs } from './run-program.ts';

export interface Boot extends BaseDisk {
  readonly workDisk: string;
  /** Where what the kernel and systemd say goes. */
  readonly consoleLog: string;
  readonly timeoutMs: number;
  /** `tcg` emulates the processor and works everywhere; `kvm` where there is one. */
  readonly accelerator: string;
}

/**
 * What the emulation does not do reliably is left out: with protection keys V8 is stopped every time, with AVX (new in QEMU 7.2) now and then.
 */
const processor = 'max,pku=off,avx=off,avx2=off';

/** The machine's command line: two processors, 2 GiB, no network; what is written to the base disk goes when the machine does. */
export function planMachine(boot: Boot): string[] {
  return [
    ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ['-machine', 'q35', '-accel', boot.accelerator, '-cpu', processor, '-smp', '2', '-m', '2048'],
    ['-kernel', boot.kernel, '-initrd', boot.initrd],
    ['-append', 'root=/dev/vda rw console=ttyS0 quiet panic=-1 systemd.show_status=true'],
    ['-drive', `file=${boot.disk},format=raw,if=virtio,snapshot=on`],
    ['-drive', `file=${boot.workDisk},format=raw,if=virtio,cache=unsafe`],
    ['-device', 'virtio-rng-pci'],
    ['-serial', `file:${boot.consoleLog}`, '-chardev', 'stdio,id=tests,signal=off', '-serial', 'chardev:tests'],
  ].flat();
}

/**
 * Runs the machine until it switches itself off and passes on what its tests print. Resolves to what they ended with: null when they did not come to
 * their end, for which the machine is killed when its time is over.
 */
export async function runMachine(boot: Boot): Promise<number | null> {
  const machine = spawn('qemu-system-x86_64', planMachine(boot), { stdio: ['ignore', 'pipe', 'inherit'] });
  let tail = '';
  machine.stdout.on('data', (chunk: Buffer) => {
    process.stdout.write(chunk);
    tail = (tail + chunk.toString('latin1')).slice(-1000);
  });
  const kill = (): void => void machine.kill('SIGKILL');
  const timer = setTimeout(kill, boot.timeoutMs);
  using _ending = endWithUs(kill);
  await once(machine, 'close');
  clearTimeout(timer);
  const ended = /^tests ended with (\d+)\r?$/m.exec(tail);
  return ended === null ? null : Number(ended[1]);
}
