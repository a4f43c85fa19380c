import type { Template } from './types.ts';

const none = { packages: [], masked: [], leftOut: [], kept: [], commands: [] };
const env = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];

/** The smallest useful root: one static program and links to it. Made from the host's own busybox, without a network. */
export const busyboxTemplate: Template = {
  name: 'busybox',
  description: "BusyBox, the host's own static one",
  source: { type: 'busybox' },
  variants: [
    {
      name: 'app',
      kind: 'app',
      reference: 'busybox:latest',
      init: null,
      base: null,
      isDefault: true,
      ...none,
      config: { Env: env, Cmd: ['sh'] },
    },
    {
      name: 'system',
      kind: 'system',
      reference: 'busybox:system',
      init: 'busybox',
      base: 'app',
      isDefault: true,
      ...none,
      // busybox init/init.c: SIGUSR2 powers off.
      config: { Env: env, Cmd: ['/sbin/init'], StopSignal: 'SIGUSR2' },
    },
  ],
};
