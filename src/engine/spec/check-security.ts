import { OrlopError } from '#errors';
import { readSecurityModules } from '#runtime';
import type { CreateRequest } from '../model.ts';
import { capabilitiesOf } from './capabilities.ts';

/** Refuses, before anything is made, capabilities that do not exist and confinement that this host cannot give. */
export function checkSecurity({ capAdd = [], capDrop = [], appArmorProfile }: CreateRequest): void {
  capabilitiesOf([], capAdd, capDrop);
  if (appArmorProfile === undefined || readSecurityModules().appArmor) return;
  throw new OrlopError(
    'failed-precondition',
    'ENGINE_NO_APPARMOR',
    `the container cannot be confined by the AppArmor profile ${appArmorProfile}: AppArmor is not enabled on this host`,
    { hint: 'leave out apparmor=, or give apparmor=unconfined' },
  );
}
