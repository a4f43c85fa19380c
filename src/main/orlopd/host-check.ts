import { OrlopError } from '#errors';
import { inInitialUsers, isAtLeast, kernelRelease, probeOverlayWay, userNamespacesEnabled, type Addon, type OverlayWay } from '#sys';

export interface HostFindings {
  readonly overlayWay: OverlayWay;
  /** What is missing and what follows from it, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Refuses a host on which nothing could run, and tells how to work on this one. Leaves nothing in `dataRoot`, where it tries things.
 * Fails with failed-precondition naming the feature.
 */
export async function checkHost(addon: Addon, dataRoot: string): Promise<HostFindings> {
  const kernel = kernelRelease();
  if (!isAtLeast(kernel, 5, 19)) {
    throw new OrlopError(
      'failed-precondition',
      'HOST_KERNEL_OLD',
      `this kernel (${kernel.text}) is too old: layers with mapped owners came with Linux 5.19`,
      { hint: 'boot a newer kernel' },
    );
  }
  const overlayWay = await probeOverlayWay(addon, dataRoot);
  return { overlayWay, warnings: [...warnOfUsers(userNamespacesEnabled(), inInitialUsers())] };
}

/** Pure. */
export function warnOfUsers(areEnabled: boolean, areInitial: boolean): string[] {
  return [
    ...(areEnabled ? [] : ['User namespaces are switched off: only containers with --userns host or --privileged can run.']),
    ...(areInitial
      ? []
      : [
          'The engine runs in a user namespace (a machine, say): it can pull, build templates and serve images, but containers need the host’s users and do not start.',
        ]),
  ];
}
