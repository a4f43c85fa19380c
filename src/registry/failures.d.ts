import { type ErrorKind, OrlopError } from '#errors';
/** What a message says of the call: the registry that was asked, and what about. */
export interface Subject {
  readonly host: string;
  /** `docker.io/library/debian:trixie`, `blob sha256:… of …` */
  readonly object: string;
}
/** The error that an answer stands for. `body` is the beginning of its text: the distribution-spec's `errors`, or anything. */
export declare function statusFailure(subject: Subject, status: number, body: string): OrlopError;
export declare function registryFailure(kind: ErrorKind, code: string, subject: Subject, what: string, cause?: unknown): OrlopError;
export declare function printable(text: string): string;
