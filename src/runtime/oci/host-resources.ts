import type { Spec } from '#oci';
import { planIntelRdt } from '../plan/intel-rdt.ts';
import { enterIntelRdt, findResctrl, joinIntelRdt, removeIntelRdt } from '../sandbox/intel-rdt.ts';
import { moveNetDevices, planNetDevices } from '../sandbox/net-devices.ts';
import type { Parked } from '../sandbox/start.ts';

/** What of the host's a container has taken. */
export interface HostResources {
  /** Groups of resctrl that go with the container, innermost first. */
  readonly resctrl: readonly string[];
  /** The container is made: lets go of what was only held to give everything back. */
  settle(): void;
}

/** Gives the parked process its network devices and its class of service; undoing takes both back. */
export function takeHostResources(spec: Spec, id: string, parked: Parked, undo: AsyncDisposableStack): HostResources {
  const moved = moveNetDevices(parked.addon, planNetDevices(spec.linux?.netDevices, parked.namespaces), () => parked.openNamespace('net'));
  undo.defer(() => {
    moved.restore();
    moved[Symbol.dispose]();
  });
  const plan = planIntelRdt(spec.linux?.intelRdt, id);
  const resctrl = plan === null ? [] : enterIntelRdt(findResctrl(), plan, parked.pid);
  undo.defer(() => removeIntelRdt(resctrl));
  return { resctrl, settle: () => moved[Symbol.dispose]() };
}

/** Puts a process of exec where the container's own is. */
export function shareHostResources(spec: Spec, id: string, pid: number): void {
  const plan = planIntelRdt(spec.linux?.intelRdt, id);
  if (plan !== null) joinIntelRdt(findResctrl(), plan, pid);
}
