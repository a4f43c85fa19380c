import { int32, object, oneOf, optional, record, required, string } from '../json/decode.ts';

export const containerStatuses = ['creating', 'created', 'running', 'stopped', 'paused'] as const;
/** The specification's four, and runc's `paused`. */
export type ContainerStatus = (typeof containerStatuses)[number];

/** runtime-spec runtime, "State": what `state` prints and what hooks read. */
export interface State {
  readonly ociVersion: string;
  readonly id: string;
  readonly status: ContainerStatus;
  readonly pid?: number;
  readonly bundle: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const state = object<State>({
  ociVersion: required(string),
  id: required(string),
  status: required(oneOf(containerStatuses)),
  pid: optional(int32),
  bundle: required(string),
  annotations: optional(record(string)),
});

/** Fails with invalid-argument `OCI_BAD_JSON`. */
export const parseState = (json: unknown): State => state(json, 'state');

/** What a seccomp agent receives beside the listener (runtime-spec config-linux, "The Container Process State"). */
export interface ContainerProcessState {
  readonly ociVersion: string;
  readonly fds: readonly string[];
  readonly pid: number;
  readonly metadata?: string;
  readonly state: State;
}
