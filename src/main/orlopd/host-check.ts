import { OrlopError } from '#errors';
import { isAtLeast, kernelRelease, knownFileSystems, userNamespacesEnabled } from '#sys';

/**
 * Refuses a host on which nothing could run, and returns what else is missing, one sentence each, with what follows from it.
 * Fails with failed-precondition naming the feature.
 */
export function checkHost(): string[] {
  const kernel = kernelRelease();
  if (!knownFileSystems().includes('overlay')) {
    throw new OrlopError('failed-precondition', 'HOST_NO_OVERLAY', `this kernel (${kernel.text}) has no overlay file system`, {
      hint: 'load it: modprobe overlay',
    });
  }
  if (!isAtLeast(kernel, 6, 5)) {
    throw new OrlopError(
      'failed-precondition',
      'HOST_KERNEL_OLD',
      `this kernel (${kernel.text}) is too old: layers are mounted with lowerdir+, which came with Linux 6.5`,
      {
        hint: 'boot a newer kernel; Debian 12 has one in bookworm-backports',
      },
    );
  }
  const warnings: string[] = [];
  if (!userNamespacesEnabled())
    warnings.push('User namespaces are switched off: only containers with --userns host or --privileged can run.');
  if (!isAtLeast(kernel, 6, 15)) {
    warnings.push(
      `This kernel (${kernel.text}) cannot stack layers on a detached mapped mount (Linux 6.15 can): only containers with --userns host or --privileged can run.`,
    );
  }
  return warnings;
}
