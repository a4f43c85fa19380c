import { kernelRelease } from '#sys';
import type { EngineContext } from '../context.ts';
import type { Finding } from '../model.ts';

/** What of this host helps or hinders containers: what it lacks, and what is in the way of their networks. Looks, and changes nothing. */
export async function examineHost(context: EngineContext): Promise<Finding[]> {
  return [...examineKernel(context), examineLxcfs(context), ...(await context.networks.inspectFirewall())];
}

function examineKernel({ warnings, overlayWay, cgroups }: EngineContext): Finding[] {
  const { text } = kernelRelease();
  const overlay = overlayWay === 'detached' ? 'mounts overlays out of sight' : 'mounts overlays in sight for a moment';
  return [
    { name: 'kernel', state: 'ok', text: `Linux ${text} ${overlay}` },
    ...warnings.map((warning): Finding => ({ name: 'kernel', state: 'warn', text: warning })),
    {
      name: 'cgroups',
      state: 'ok',
      text: cgroups.mode === 'hybrid' ? 'version 1, with version 2 beside it' : `version ${cgroups.mode.slice(1)}`,
    },
  ];
}

function examineLxcfs({ lxcfs }: EngineContext): Finding {
  if (lxcfs.isInstalled) return { name: 'lxcfs', state: 'ok', text: 'machines see their own limits in /proc (free, top, uptime)' };
  return {
    name: 'lxcfs',
    state: 'warn',
    text: "lxcfs is not installed: free, top and uptime in machines show the host's memory, processors and load",
    advice: 'install the package lxcfs and restart the engine; machines see their own from their next start on',
  };
}
