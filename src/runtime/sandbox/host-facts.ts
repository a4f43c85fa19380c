import { existsSync, readFileSync } from 'node:fs';
import { readMountinfo } from '#sys';
import { capabilityNames } from '../capabilities.ts';

export interface SecurityModules {
  readonly appArmor: boolean;
  readonly seLinux: boolean;
}

export function readSecurityModules(): SecurityModules {
  return { appArmor: readText('/sys/module/apparmor/parameters/enabled').startsWith('Y'), seLinux: existsSync('/sys/fs/selinux/enforce') };
}

/** Where whole file systems of proc and sysfs are mounted. */
export function findRevealingMounts(): string[] {
  return readMountinfo().flatMap(({ root, fstype, mountPoint }) =>
    root === '/' && (fstype === 'proc' || fstype === 'sysfs') ? [mountPoint] : [],
  );
}

/** The capabilities that a container without a user namespace of its own can get at most: our bounding set. */
export function availableCapabilities(): string[] {
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readText('/proc/self/status'))?.[1];
  return bounding === undefined ? [] : capabilityNames(BigInt(`0x${bounding}`));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Absent means "not there", which is the answer.
    return '';
  }
}
