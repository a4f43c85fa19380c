/** The program that a distribution runs as PID 1. Alpine's is `busybox`, although OpenRC starts its services. */
export type InitSystem = 'systemd' | 'sysvinit' | 'openrc' | 'runit' | 's6' | 'busybox';

/** A file to be there before the container starts. Paths are absolute, as the container sees them; owned by its root; links are not followed. */
export interface FileOperation {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
}
