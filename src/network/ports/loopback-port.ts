export const loopback = '::1';

/** A port of the host's ::1 that leads to a container. */
export interface LoopbackPort {
  readonly protocol: 'tcp' | 'udp';
  readonly hostPort: number;
  readonly target: string;
  readonly targetPort: number;
  /** A socket that has the port already, on ::1 or on ::; null: there is none after all. Absent: one is made. */
  readonly borrow?: () => number | null;
}
