import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '#errors';
import type { Spec } from '#oci';
import { type Addon, isAlive } from '#sys';

const inside = '/run/notify';
const tickMs = 100;

/**
 * With $NOTIFY_SOCKET (sd_notify(3)) the container gets a socket of its own, in a directory of its record: the service manager would not believe a
 * process that it does not know, so the command that starts the container hands on its readiness, and tells who the main process is.
 */
export function withNotifySocket(spec: Spec, directory: string): Spec {
  if (hostSocket() === null || spec.process === undefined) return spec;
  const place = placeIn(directory);
  mkdirSync(place, { mode: 0o755 });
  const mount = { destination: inside, type: 'bind', source: place, options: ['bind', 'nosuid', 'noexec', 'nodev', 'ro'] };
  const env = [...(spec.process.env ?? []), `NOTIFY_SOCKET=${inside}/notify.sock`];
  return { ...spec, mounts: [...(spec.mounts ?? []), mount], process: { ...spec.process, env } };
}

export interface NotifyRelay extends Disposable {
  /** Waits until the container says READY=1, or until its process has ended, and hands it on. */
  waitUntilReady(process: { readonly pid: number; readonly startTicks: number }): Promise<void>;
}

/** To be opened before the program can begin. Null when nobody wants to hear of it. */
export function openNotifyRelay(addon: Addon, directory: string): NotifyRelay | null {
  const host = hostSocket();
  if (host === null) return null;
  const path = join(placeIn(directory), 'notify.sock');
  const socket = addon.bindDatagram(path);
  // Whoever the process is by then.
  chmodSync(path, 0o777);
  let open = true;
  return {
    async waitUntilReady({ pid, startTicks }) {
      while (open && isAlive(pid, startTicks)) {
        const message = receive(addon, socket);
        if (message.split('\n').includes('READY=1')) return tell(addon, host, `READY=1\nMAINPID=${pid}`);
        await new Promise((resolve) => setTimeout(resolve, message === '' ? tickMs : 0));
      }
    },
    [Symbol.dispose]() {
      if (open) addon.close(socket);
      open = false;
    },
  };
}

function hostSocket(): string | null {
  return process.env['NOTIFY_SOCKET'] || null;
}

function placeIn(directory: string): string {
  return join(directory, 'notify');
}

/** Empty when nothing has come. */
function receive(addon: Addon, socket: number): string {
  try {
    return addon.receiveDescriptors(socket, 4096, 0, 0).data.toString('utf8');
  } catch (error) {
    if (isErrno(error, 'ETIMEDOUT')) return '';
    throw error;
  }
}

function tell(addon: Addon, path: string, text: string): void {
  const socket = addon.connectDatagram(path);
  try {
    addon.sendDescriptors(socket, Buffer.from(text), []);
  } finally {
    addon.close(socket);
  }
}
