/** How a container is asked to end. */
export interface StopRequest {
  /** Seconds before it is killed; -1: never. */
  readonly timeoutS?: number;
  /** By name or number; absent: its own. */
  readonly signal?: string;
  /** Called with the seconds that were waited when it has to be killed. */
  readonly onKilled?: (timeoutS: number) => void;
}

/** Of the answer to a stop or restart that had to kill: the seconds that it waited before. */
export const killedHeader = 'orlop-killed-after';
