import type { Template } from './types.ts';

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
      isDefault: true,
      packages: [],
      masked: [],
      config: { Env: env, Cmd: ['sh'] },
    },
    {
      name: 'system',
      kind: 'system',
      reference: 'busybox:system',
      init: 'busybox',
      isDefault: true,
      packages: [],
      masked: [],
      // busybox init/init.c: SIGUSR2 powers off.
      config: { Env: env, Cmd: ['/sbin/init'], StopSignal: 'SIGUSR2' },
    },
  ],
};
