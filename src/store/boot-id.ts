import { readFileSync } from 'node:fs';

/** Tells one run of the kernel from another (proc_sys_kernel(5), random/boot_id). */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
