import type { Client, LogOptions } from '#client';
import type { ObservedContainer } from '#compose';
import { write, type Io } from '../../io.ts';

export interface LogView extends Pick<LogOptions, 'since' | 'until' | 'tail' | 'timestamps' | 'follow'> {
  readonly noPrefix?: boolean;
  readonly colours: boolean;
  readonly signal?: AbortSignal;
  /** Told when all that a container has said is printed, by its id. */
  readonly onEnd?: (id: string) => void;
}

/** ECMA-48 colours that are told apart on dark and on light. */
const palette = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

/** `web-1`: a container within its project. */
export function shortName({ name, service, number }: ObservedContainer): string {
  const own = ['-', '_']
    .map((separator) => [service, number].join(separator))
    .find((ending) => /[-_]$/.test(name.slice(0, -ending.length)) && name.endsWith(ending));
  return own ?? name;
}

/** Prints what containers say, line by line, each line behind the name of who said it. Resolves when all have ended, or the signal fired. */
export async function followLogs(client: Client, io: Io, containers: readonly ObservedContainer[], view: LogView): Promise<void> {
  const width = Math.max(0, ...containers.map((container) => shortName(container).length));
  await Promise.all(containers.map((container, index) => followLog(client, io, container, { ...view, width, index })));
}

/** Prints what one container says. `index` gives its colour, `width` where the line begins. */
export async function followLog(
  client: Client,
  io: Io,
  container: ObservedContainer,
  { width, index, ...view }: LogView & { readonly width: number; readonly index: number },
): Promise<void> {
  const label = `${shortName(container).padEnd(width)}  | `;
  const colour = palette[index % palette.length] ?? 0;
  const prefix = view.noPrefix === true ? '' : view.colours ? `\u001B[${colour}m${label}\u001B[0m` : label;
  try {
    await printLines(client, io, container.id, prefix, view);
  } catch (error) {
    if (view.signal?.aborted !== true) throw error;
  } finally {
    view.onEnd?.(container.id);
  }
}

async function printLines(
  client: Client,
  io: Io,
  id: string,
  prefix: string,
  { noPrefix: _noPrefix, colours: _colours, onEnd: _onEnd, ...options }: LogView,
): Promise<void> {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder(), stdin: new TextDecoder() };
  const rests = { stdout: '', stderr: '', stdin: '' };
  for await (const { stream, data } of client.containers.logs(id, { stdout: true, stderr: true, ...options })) {
    const lines = (rests[stream] + decoders[stream].decode(data, { stream: true })).split('\n');
    rests[stream] = lines.pop() ?? '';
    const out = stream === 'stderr' ? io.stderr : io.stdout;
    if (lines.length > 0) await write(out, lines.map((line) => `${prefix}${line}\n`).join(''));
  }
  for (const stream of ['stdout', 'stderr'] as const)
    if (rests[stream] !== '') await write(stream === 'stderr' ? io.stderr : io.stdout, `${prefix}${rests[stream]}\n`);
}
