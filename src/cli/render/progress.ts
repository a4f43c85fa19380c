import type { Progress } from '#wire';
import { regionOf, type LiveRegion } from './live-region.ts';

/** Shows the steps of a long operation on standard error: on a terminal a line for each part, which change in place and go at the end; else a line for each new status. */
export interface ProgressView extends Disposable {
  report(step: Progress): void;
}

export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly rows?: number | undefined;
  readonly columns?: number | undefined;
  /** What all that is drawn on this output at a time shares. */
  readonly region?: LiveRegion;
  write(text: string): unknown;
}

const minimumMs = 50;

export function createProgressView(out: ProgressOutput, options: { quiet: boolean; nowMs?: () => number }): ProgressView {
  if (options.quiet) return { report: () => {}, [Symbol.dispose]: () => {} };
  return out.isTTY === true ? createBars(out, options.nowMs ?? (() => performance.now())) : createLines(out);
}

function createLines(out: ProgressOutput): ProgressView {
  const said = new Map<string, string>();
  return {
    report: (step) => {
      const line = formatStatus(step);
      if (said.get(step.id ?? '') === line) return;
      said.set(step.id ?? '', line);
      out.write(`${line}\n`);
    },
    [Symbol.dispose]: () => {},
  };
}

/** Parts by their names in the order that they came in; what has no name is the one line below all. */
function createBars(out: ProgressOutput, nowMs: () => number): ProgressView {
  const steps = new Map<string, Progress>();
  const block = regionOf(out).open();
  let shownAtMs = Number.NEGATIVE_INFINITY;
  const draw = (): void => {
    const columns = Math.max(20, (out.columns ?? 80) - 1);
    block.show(choose([...steps.values()], Math.max(1, (out.rows ?? 24) - 1)).map((step) => formatStep(step).slice(0, columns)));
  };
  return {
    report: (step) => {
      const id = step.id ?? '';
      const fresh = steps.get(id)?.status !== step.status;
      if (id === '') steps.delete(id);
      steps.set(id, step);
      if (!fresh && nowMs() - shownAtMs < minimumMs) return;
      shownAtMs = nowMs();
      draw();
    },
    [Symbol.dispose]: () => block.close([]),
  };
}

/** So many as fit: what is still moving rather than what is done, then the latest. */
function choose(steps: readonly Progress[], room: number): readonly Progress[] {
  if (steps.length <= room) return steps;
  const moving = steps.filter(({ current, total }) => current !== undefined && total !== undefined && current < total);
  const kept = new Set([...steps.filter((step) => !moving.includes(step)), ...moving].slice(-room));
  return steps.filter((step) => kept.has(step));
}

function formatStatus({ id, status }: Progress): string {
  return id === undefined || id === '' ? status : `${id}: ${status}`;
}

function formatStep(step: Progress): string {
  const { current, total } = step;
  if (current === undefined || total === undefined || total <= 0) return formatStatus(step);
  const width = 24;
  const filled = Math.max(0, Math.min(width, Math.round((current / total) * width)));
  return `${formatStatus(step)} [${'='.repeat(filled)}${' '.repeat(width - filled)}] ${Math.floor((Math.min(current, total) / total) * 100)}%`;
}
