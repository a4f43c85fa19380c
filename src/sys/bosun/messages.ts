import type { Addon } from '../addon.ts';
import { encodePlan, type Plan } from '../plan/index.ts';
import { encodeFrame, frameTypes } from './frames.ts';

/** What an engine says to a monitor, each as one frame with its descriptors. All of them only send; answers come as events. */
export interface MonitorCommands {
  sandbox(plan: Plan, slots: readonly number[]): void;
  run(plan: Plan, slots: readonly number[]): void;
  start(): void;
  /** Sizes in characters, each at most 65,535. */
  resize(rows: number, columns: number): void;
  signal(signal: number): void;
  closeStdin(): void;
}

/** `socket` is the descriptor of a control stream. Sending blocks while the monitor's buffer is full, which its small frames cannot bring about. */
export function createMonitorCommands(addon: Addon, socket: number): MonitorCommands {
  const send = (type: number, payload?: Uint8Array, descriptors: readonly number[] = []): void => {
    addon.sendDescriptors(socket, encodeFrame(type, payload), descriptors);
  };
  const sendPlan = (type: number, plan: Plan, slots: readonly number[]): void => {
    const memfd = addon.memfd('orlop-plan', encodePlan(plan, slots.length));
    try {
      send(type, undefined, [memfd, ...slots]);
    } finally {
      addon.close(memfd);
    }
  };
  return {
    sandbox: (plan, slots) => sendPlan(frameTypes.sandbox, plan, slots),
    run: (plan, slots) => sendPlan(frameTypes.run, plan, slots),
    start: () => send(frameTypes.start),
    resize(rows, columns) {
      const payload = Buffer.alloc(4);
      payload.writeUInt16LE(rows, 0);
      payload.writeUInt16LE(columns, 2);
      send(frameTypes.resize, payload);
    },
    signal(signal) {
      const payload = Buffer.alloc(4);
      payload.writeUInt32LE(signal, 0);
      send(frameTypes.signal, payload);
    },
    closeStdin: () => send(frameTypes.closeStdin),
  };
}
