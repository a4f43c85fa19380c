import { createHash } from 'node:crypto';
import type { BuildEvent, BuildResult, BuildWarning } from '#wire';
import { type Status, timestampOf, type Vertex } from '../messages/control.ts';
import { ruleDescription } from './lint.ts';

/** Turns what happens in a build into what BuildKit's clients draw: a vertex for each step, with statuses and logs. `ref` keeps builds apart; `atMs`: when it happened, where that is not now. */
export function createProgress(ref: string): (event: BuildEvent, atMs?: number) => Status | null {
  const known = new Map<string, Vertex>();
  const digests = (step: string): string => `sha256:${createHash('sha256').update(`${ref}\0${step}`).digest('hex')}`;
  const clip = createClip();
  let source: { readonly filename: string; readonly data: Buffer; readonly language: string } | undefined;
  return (event, atMs = Date.now()) => {
    switch (event.type) {
      case 'start': {
        // Instructions that only change the configuration are not drawn.
        if (event.instruction !== '' && event.number === 0) return null;
        const vertex = { digest: digests(event.step), name: nameOf(event), started: timestampOf(event.atMs) };
        known.set(event.step, vertex);
        return { vertexes: [vertex] };
      }
      case 'end': {
        const vertex = known.get(event.step);
        if (vertex === undefined) return null;
        known.delete(event.step);
        const error = event.error === undefined ? {} : { error: event.error };
        return { vertexes: [{ ...vertex, cached: event.cached, completed: timestampOf(event.atMs), ...error }] };
      }
      case 'log': {
        const data = clip(event.step, Buffer.from(event.text));
        if (data === null) return null;
        return {
          logs: [{ vertex: digests(event.step), timestamp: timestampOf(atMs), stream: event.stream === 'stdout' ? 1 : 2, data }],
        };
      }
      case 'progress': {
        if (!known.has(event.step)) return null;
        const { id = '', status, current = 0, total = 0 } = event.progress;
        const now = timestampOf(atMs);
        const name = event.step === 'context' ? 'transferring context:' : `${id === '' ? '' : `${id}: `}${status}`;
        const done = total > 0 && current >= total ? { completed: now } : {};
        return {
          statuses: [
            {
              id: event.step === 'context' ? name : id || status,
              vertex: digests(event.step),
              name,
              current,
              total,
              timestamp: now,
              started: now,
              ...done,
            },
          ],
        };
      }
      case 'source':
        source = { filename: event.name, data: Buffer.from(event.text), language: 'Dockerfile' };
        return null;
      case 'warning':
        return { warnings: [warningOf(event.warning, digests(definitionStep), source)] };
      case 'notice':
        return { warnings: [{ vertex: digests(definitionStep), level: 1, short: Buffer.from(event.text) }] };
      case 'container':
        return null;
    }
  };
}

/** As much of what one step says is told, as with BuildKit: its clients leave three seconds after a build, whether they have read all of it or not. */
const longestLog = 2 * 1024 * 1024;

/** What is left to tell of a step's words; null: nothing. */
function createClip(): (step: string, data: Buffer) => Buffer | null {
  const told = new Map<string, number>();
  return (step, data) => {
    const before = told.get(step) ?? 0;
    told.set(step, before + data.length);
    if (before >= longestLog) return null;
    if (before + data.length < longestLog) return data;
    return Buffer.concat([data.subarray(0, longestLog - before), Buffer.from('\n[output clipped, log limit 2MiB reached]\n')]);
  };
}

/** The step in which the Dockerfile comes. */
export const definitionStep = 'definition';

/** What has become of the result, drawn as one more step, which is over. */
export function exported(ref: string, { id, names }: BuildResult, startedMs: number): Status {
  const vertex = `sha256:${createHash('sha256').update(`${ref}\0export`).digest('hex')}`;
  const [started, completed] = [timestampOf(startedMs), timestampOf(Date.now())];
  const statuses = [`writing image ${id}`, ...names.map((name) => `naming to ${name}`)].map((name) => ({
    id: name,
    vertex,
    name,
    timestamp: completed,
    started,
    completed,
  }));
  return { vertexes: [{ digest: vertex, name: 'exporting to image', started, completed }], statuses };
}

function nameOf({ text, stage, number, of, instruction }: Extract<BuildEvent, { type: 'start' }>): string {
  if (instruction === '') return `[internal] ${text}`;
  return `[${stage === '' ? '' : `${stage} `}${String(number).padStart(String(of).length)}/${of}] ${text}`;
}

function warningOf(
  { rule, message, lines, url = '' }: BuildWarning,
  vertex: string,
  info: { readonly filename: string; readonly data: Buffer; readonly language: string } | undefined,
): NonNullable<Status['warnings']>[number] {
  const ranges = [{ start: { line: lines.first, character: 0 }, end: { line: lines.last, character: 0 } }];
  const short = Buffer.from(`${rule}: ${message} (line ${lines.first})`);
  return { vertex, level: 1, short, detail: [Buffer.from(ruleDescription(rule))], url, info, ranges };
}
