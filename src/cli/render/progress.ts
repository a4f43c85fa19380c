import type { Progress } from '#wire';

/** Shows the steps of a long operation on standard error: one changing line on a terminal, else a line for each new status. */
export interface ProgressView extends Disposable {
  report(step: Progress): void;
}

export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

const minimumMs = 50;

export function createProgressView(out: ProgressOutput, options: { quiet: boolean; nowMs?: () => number }): ProgressView {
  const nowMs = options.nowMs ?? (() => performance.now());
  let shownAtMs = Number.NEGATIVE_INFINITY;
  let lastStatus = '';
  let dirty = false;
  const report = (step: Progress): void => {
    if (options.quiet) return;
    const status = step.id === undefined || step.id === '' ? step.status : `${step.id}: ${step.status}`;
    const fresh = status !== lastStatus;
    if (out.isTTY !== true) {
      if (fresh) out.write(`${status}\n`);
      lastStatus = status;
      return;
    }
    if (!fresh && nowMs() - shownAtMs < minimumMs) return;
    shownAtMs = nowMs();
    lastStatus = status;
    dirty = true;
    out.write(`\r\u001B[K${formatStep(status, step).slice(0, Math.max(20, (out.columns ?? 80) - 1))}`);
  };
  return {
    report,
    [Symbol.dispose]: () => {
      if (dirty) out.write('\r\u001B[K');
    },
  };
}

function formatStep(status: string, { current, total }: Progress): string {
  if (current === undefined || total === undefined || total <= 0) return status;
  const width = 24;
  const filled = Math.max(0, Math.min(width, Math.round((current / total) * width)));
  return `${status} [${'='.repeat(filled)}${' '.repeat(width - filled)}] ${Math.floor((Math.min(current, total) / total) * 100)}%`;
}
