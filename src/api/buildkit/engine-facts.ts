import { platformOfNodeArch } from '#oci';

/** What builds here, as BuildKit's clients know it: one worker. */
export function workersOf(version: string) {
  const platform = platformOfNodeArch(process.arch);
  return [
    {
      id: 'orlop',
      labels: {},
      platforms: [{ architecture: platform.architecture, os: platform.os, variant: platform.variant ?? '' }],
      version: { package: 'orlop', version, revision: '' },
    },
  ];
}
