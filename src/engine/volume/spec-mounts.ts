import type { SpecMount } from '#oci';
import type { ResolvedMount } from './resolved-mount.ts';

/** A mount in a spec. All but a tmpfs come as descriptors that have everything already: there is nothing left to say of them but where they go. */
export function specMountOf(mount: ResolvedMount, quiet: readonly string[]): SpecMount {
  const { type, source, target: destination } = mount;
  if (type !== 'tmpfs') return { destination, type: 'bind', source, options: ['rbind'] };
  return {
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options: [
      ...quiet,
      ...(mount.readOnly ? ['ro'] : []),
      ...(mount.mode === undefined ? [] : [`mode=${mount.mode.toString(8)}`]),
      ...(mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`]),
      ...(mount.tmpfsOptions ?? []),
    ],
  };
}
