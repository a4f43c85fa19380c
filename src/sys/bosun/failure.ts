import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { OrlopError, kindOfErrno } from '#errors';
import { opTable, type OpName, type OpShape } from '../plan/index.ts';
import type { FailureFacts } from './frames.ts';

/** `details` of an error with code SYS_PLAN_FAILED. */
export interface PlanFailureDetails {
  /** The op that failed, or null when the container's process died without a word. */
  readonly op: OpName | null;
  readonly opIndex: number;
  /** Symbolic name as in errno(3). */
  readonly errno: string;
  readonly syscall: string;
  readonly path: string;
  /** What the kernel or a hook said. */
  readonly detail: string;
}

/** The error of a plan that failed: kind by errno, code SYS_PLAN_FAILED, `details` are PlanFailureDetails. */
export function planFailure(facts: FailureFacts): OrlopError {
  const op = Object.entries<OpShape>(opTable).find(([, shape]) => shape.code === facts.opCode)?.[0] ?? null;
  const errno = nameOfErrno(facts.errno);
  const where = facts.path === '' ? '' : ` ${facts.path}`;
  const said = facts.detail === '' ? '' : ` (${facts.detail})`;
  const details: PlanFailureDetails = {
    op: op as OpName | null,
    opIndex: facts.opIndex,
    errno,
    syscall: facts.syscall,
    path: facts.path,
    detail: facts.detail,
  };
  return new OrlopError(kindOfErrno(errno), 'SYS_PLAN_FAILED', `${op ?? 'the process'}: ${facts.syscall}${where}: ${errno}${said}`, {
    details: { ...details },
  });
}

/** The details of a planFailure, or null for any other value. */
export function planFailureOf(error: unknown): PlanFailureDetails | null {
  return error instanceof OrlopError && error.code === 'SYS_PLAN_FAILED' ? (error.details as unknown as PlanFailureDetails) : null;
}

/** A frame that the monitor refused: a conflict with its state, or a frame that made no sense. */
export function refusal(errno: number, reason: string): OrlopError {
  return new OrlopError('failed-precondition', 'SYS_MONITOR_REFUSED', `the monitor refused: ${reason} (${nameOfErrno(errno)})`);
}

export function monitorGone(doing: string): OrlopError {
  return new OrlopError('unavailable', 'SYS_MONITOR_GONE', `the monitor ended while ${doing}`);
}

/** libuv's name where it has one: it does not know all of them. */
export function nameOfErrno(errno: number): string {
  const known = getSystemErrorName(-errno);
  if (known.startsWith('E')) return known;
  return Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `E${errno}`;
}
