import { isErrno, OrlopError } from '#errors';
import type { Addon } from '../addon.ts';
import { createCarrierConnection, type CarrierConnection } from './carrier-connection.ts';
import { encodeCarrierSetup } from './carrier-setup.ts';

export type { CarrierConnection, CarrierState } from './carrier-connection.ts';

/** Where a carrier brings things: an address as bytes (4 or 16), or a unix socket; a path that begins with "@" is an abstract name. */
export type CarrierTarget = { readonly address: Uint8Array; readonly port: number } | { readonly path: string };

export interface CarrierPair {
  /** A bound socket; one of streams need not listen yet. */
  readonly listener: number;
  readonly kind: 'stream' | 'datagram';
  readonly target: CarrierTarget;
}

/** Descriptors stay the caller's to close. */
export interface CarrierOptions {
  readonly pairs: readonly CarrierPair[];
  /** Bound, where engines are to find the carrier (`connectCarrier`). */
  readonly control: number;
  /** It lets nobody in before it is told to (`open`), and says when somebody has come. */
  readonly waits?: boolean;
  /** A pidfd: it ends with this process. */
  readonly process?: number;
  /** Namespaces from which it connects. */
  readonly users?: number;
  readonly network?: number;
  readonly mounts?: number;
  /** As whom it connects: of those users, or else of the host's. Root, with no rights but to pass directories, without. */
  readonly uid?: number;
  readonly gid?: number;
  /** Says who came in the first bytes (PROXY protocol). */
  readonly header?: 'v1' | 'v2';
  /** For how long it tries to reach a place where nobody listens yet. */
  readonly patienceMs?: number;
}

const steps = [
  '',
  'reading its orders',
  'listening',
  'entering the network',
  'entering the mounts',
  'entering the users',
  '',
  'giving up rights',
  'watching',
];

/** Starts a carrier, which goes on without us. Resolves when it listens. Fails with `internal` `SYS_CARRIER_FAILED`. */
export async function spawnCarrier(addon: Addon, bosun: string, options: CarrierOptions): Promise<void> {
  const [ours, theirs] = addon.socketPair();
  try {
    const { pidfd } = addon.spawn(bosun, ['bosun', 'carry'], [], [-1, -1, -1, theirs], true);
    addon.whenReadable(pidfd, false, () => {
      addon.reap(pidfd);
      addon.close(pidfd);
    });
    addon.close(theirs);
    const { data, descriptors } = encodeCarrierSetup(options);
    addon.sendDescriptors(ours, data, descriptors);
    await new Promise<void>((resolve) => void addon.whenReadable(ours, true, resolve));
    const answer = addon.receiveDescriptors(ours, 8, 0, 1_000).data;
    const errno = answer.length === 8 ? answer.readUInt32LE(0) : -1;
    if (errno === 0) return;
    const step = answer.length === 8 ? (steps[answer.readUInt32LE(4)] ?? '') : 'starting';
    throw new OrlopError('internal', 'SYS_CARRIER_FAILED', `a carrier failed while ${step} (errno ${errno})`);
  } finally {
    addon.close(ours);
  }
}

/** null: none answers at this path. */
export function connectCarrier(addon: Addon, path: string): CarrierConnection | null {
  try {
    return createCarrierConnection(addon.connectUnix(path));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ECONNREFUSED', 'ENOTDIR')) return null;
    throw error;
  }
}
