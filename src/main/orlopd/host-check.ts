import { OrlopError } from '#errors';
import { isAtLeast, kernelRelease, ownIds, probeOverlayWay, userNamespacesEnabled, type Addon, type OverlayWay } from '#sys';

export interface HostFindings {
  readonly overlayWay: OverlayWay;
  /** Of the machine that the engine runs in; null on a host. */
  readonly ownIds: number | null;
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
  const ids = ownIds();
  return { overlayWay, ownIds: ids, warnings: [...warnOfUsers(userNamespacesEnabled(), ids)] };
}

/** Pure. */
export function warnOfUsers(areEnabled: boolean, ids: number | null): string[] {
  return [
    ...(areEnabled ? [] : ['User namespaces are switched off: only containers with --userns host or --privileged can run.']),
    ...(ids === null
      ? []
      : [
          'The engine runs in a machine: its containers have user namespaces, but the ids of the machine; none has a disk limit, and devices are those that the machine has.',
        ]),
    ...(ids === null || ids >= 65_536 ? [] : [`The machine has ${ids} user ids: files of other users cannot be unpacked.`]),
  ];
}
