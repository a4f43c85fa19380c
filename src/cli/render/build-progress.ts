import type { BuildEvent } from '#wire';
import { regionOf } from './live-region.ts';
import type { ProgressOutput } from './progress.ts';

/** Shows a build on standard error. */
export interface BuildProgress extends Disposable {
  on(event: BuildEvent): void;
  /** The last lines that a step has put out. */
  tail(step: string): readonly string[];
  /** The step that failed first. */
  readonly failed: { readonly step: string; readonly title: string } | null;
}

interface ShownStep {
  readonly id: string;
  readonly number: number;
  readonly title: string;
  readonly startedMs: number;
  endedMs: number;
  state: 'running' | 'done' | 'cached' | 'failed';
  /** Of a transfer. */
  status: string;
  readonly lines: string[];
  /** Output without the end of its line yet. */
  rest: string;
  isTold: boolean;
}

const keptLines = 50;

export type ProgressKind = 'plain' | 'tty' | 'rawjson' | 'quiet';

export function createBuildProgress(out: ProgressOutput, kind: ProgressKind): BuildProgress {
  const steps = new Map<string, ShownStep>();
  let failed: BuildProgress['failed'] = null;
  const view = kind === 'plain' ? plainView(out) : kind === 'tty' ? terminalView(out, steps) : silentView();
  return {
    on(event) {
      if (kind === 'rawjson') out.write(`${JSON.stringify(event)}\n`);
      const step = note(steps, event);
      if (event.type === 'end' && event.error !== undefined && step !== null) failed ??= { step: step.id, title: step.title };
      view.show(event, step);
    },
    tail: (id) => {
      const step = steps.get(id);
      return step === undefined ? [] : [...step.lines, ...(step.rest === '' ? [] : [step.rest])];
    },
    get failed() {
      return failed;
    },
    [Symbol.dispose]: () => view.end(),
  };
}

interface View {
  show(event: BuildEvent, step: ShownStep | null): void;
  end(): void;
}

function silentView(): View {
  return { show: () => undefined, end: () => undefined };
}

/** Keeps what is known of each step. */
function note(steps: Map<string, ShownStep>, event: BuildEvent): ShownStep | null {
  if (!('step' in event)) return null;
  if (event.type === 'start') {
    const { stage, number, of, text } = event;
    const place = of === 0 || number === 0 ? '' : `[${stage === '' ? '' : `${stage} `}${number}/${of}] `;
    const fresh: ShownStep = {
      id: event.step,
      number: steps.size + 1,
      title: `${place}${text}`,
      startedMs: event.atMs,
      endedMs: 0,
      state: 'running',
      status: '',
      lines: [],
      rest: '',
      // What is only configuration is not worth a line.
      isTold: event.number > 0 || event.line === 0,
    };
    steps.set(event.step, fresh);
    return fresh;
  }
  const step = steps.get(event.step);
  if (step === undefined) return null;
  if (event.type === 'log') {
    const lines = (step.rest + event.text).split('\n');
    step.rest = lines.pop() ?? '';
    step.lines.push(...lines);
    step.lines.splice(0, Math.max(0, step.lines.length - keptLines));
  } else if (event.type === 'progress') step.status = statusOf(event.progress);
  else if (event.type === 'end') {
    step.endedMs = event.atMs;
    step.state = event.error !== undefined ? 'failed' : event.cached ? 'cached' : 'done';
  }
  return step;
}

function statusOf({ id, status, current, total }: { id?: string; status: string; current?: number; total?: number }): string {
  const amount =
    current === undefined
      ? ''
      : total === undefined || total === 0
        ? ` ${megabytes(current)}`
        : ` ${megabytes(current)} / ${megabytes(total)}`;
  return `${id === undefined || id === '' ? '' : `${id} `}${status}${amount}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)}MB`;
}

function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(1)}s`;
}

/** A line for each thing that happens, as BuildKit's plain progress has them. */
function plainView(out: ProgressOutput): View {
  const rests = new Map<string, string>();
  let last = 0;
  return {
    show(event, step) {
      if (event.type === 'warning') {
        const { rule, message, lines } = event.warning;
        out.write(`WARN: ${rule}: ${message} (line ${lines.first})\n`);
      } else if (event.type === 'notice') out.write(`${event.text}\n`);
      if (step === null || !step.isTold) return;
      const say = (text: string): void => {
        if (last !== 0 && last !== step.number) out.write('\n');
        last = step.number;
        out.write(`#${step.number} ${text}\n`);
      };
      if (event.type === 'start') say(step.title);
      else if (event.type === 'log') {
        const lines = `${rests.get(step.id) ?? ''}${event.text}`.split('\n');
        rests.set(step.id, lines.pop() ?? '');
        const at = ((Date.now() - step.startedMs) / 1000).toFixed(3);
        for (const line of lines) say(`${at} ${line}`);
      } else if (event.type === 'end') {
        const rest = rests.get(step.id) ?? '';
        if (rest !== '') say(rest);
        rests.delete(step.id);
        say(
          event.error !== undefined ? `ERROR: ${event.error}` : event.cached ? 'CACHED' : `DONE ${seconds(step.endedMs - step.startedMs)}`,
        );
      }
    },
    end: () => undefined,
  };
}

const redrawMs = 80;
const shownLogLines = 5;

/** One line a step, which change in place; below a step that runs, the last of its output. */
function terminalView(out: ProgressOutput, steps: ReadonlyMap<string, ShownStep>): View {
  const begunMs = Date.now();
  const block = regionOf(out).open();
  let timer: NodeJS.Timeout | null = null;
  const draw = (isLast = false): void => {
    const columns = Math.max(30, (out.columns ?? 80) - 1);
    const all = [...steps.values()].filter(({ isTold }) => isTold);
    const done = all.filter(({ state }) => state !== 'running').length;
    const lines = [`[+] Building ${seconds(Date.now() - begunMs)} (${done}/${all.length})${isLast ? ' done' : ''}`];
    for (const step of all) lines.push(...linesOf(step, columns, isLast));
    if (isLast) block.close(lines);
    else block.show(lines);
  };
  return {
    show() {
      timer ??= setTimeout(() => {
        timer = null;
        draw();
      }, redrawMs);
    },
    end() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      draw(true);
    },
  };
}

function linesOf(step: ShownStep, columns: number, isLast: boolean): string[] {
  const marks = { running: '=>', done: '=>', cached: '=> CACHED', failed: '=> ERROR' } as const;
  const took = seconds((step.state === 'running' ? Date.now() : step.endedMs) - step.startedMs);
  const left = ` ${marks[step.state]} ${step.title}`.replaceAll(/[\p{Cc}]/gu, ' ');
  const width = columns - took.length - 1;
  const first = `${left.length > width ? `${left.slice(0, width - 1)}…` : left.padEnd(width)} ${took}`;
  if (step.state !== 'running' || isLast) return [first];
  const said = step.lines.slice(-shownLogLines).map((line) => ` => => # ${clean(line)}`.slice(0, columns));
  return [first, ...(step.status === '' ? [] : [` => => ${step.status}`.slice(0, columns)]), ...said];
}

/** What would move the cursor has no place in a line of ours. */
function clean(line: string): string {
  return line.replaceAll(/\u001B\[[0-9;?]*[A-Za-z]/g, '').replaceAll(/[\p{Cc}]/gu, ' ');
}
