import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** What a program wrote to its terminal, and when: seconds since it began. */
export interface Recording extends Size {
  readonly title: string;
  readonly events: readonly (readonly [seconds: number, text: string])[];
}

/** Runs a shell line on a terminal of this size (script(1)), which a person typed at a prompt. Throws when it fails. */
export async function record(line: string, { rows, columns }: Size, env: Readonly<Record<string, string>>): Promise<Recording> {
  const begun = performance.now();
  const events: [number, string][] = [[0, `\u001B[1;92m$\u001B[0m \u001B[1m${line}\u001B[0m\r\n`]];
  const child = spawn('script', ['-qec', `stty rows ${rows} cols ${columns}; ${line}`, '/dev/null'], {
    env: { ...process.env, TERM: 'xterm-256color', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const decoder = new TextDecoder();
  child.stdout.on('data', (chunk: Buffer) => {
    events.push([Number(((performance.now() - begun) / 1000).toFixed(3)), decoder.decode(chunk, { stream: true })]);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${line} ended with ${code}: ${events.map(([, text]) => text).join('')}`);
  return { title: line, rows, columns, events };
}

/** What stands in a recording, and what is to stand there. */
export type Renaming = readonly [from: string, to: string];

/** The recording with other words for these; its pieces are joined where one would be cut in two. Pure. */
export function rename(recording: Recording, renamings: readonly Renaming[]): Recording {
  const events: [number, string][] = [];
  for (const [seconds, text] of recording.events) {
    const last = events.at(-1);
    const isCut = last !== undefined && renamings.some(([from]) => endsWithPart(last[1], from));
    if (isCut) last[1] += text;
    else events.push([seconds, text]);
  }
  const renamed = (text: string): string => renamings.reduce((now, [from, to]) => now.replaceAll(from, to), text);
  return { ...recording, events: events.map(([seconds, text]) => [seconds, renamed(text)]) };
}

function endsWithPart(text: string, word: string): boolean {
  return Array.from({ length: word.length - 1 }, (_none, at) => word.slice(0, at + 1)).some((part) => text.endsWith(part));
}

/** As players of terminal recordings read it (asciicast v2). Pure. */
export function formatCast({ title, rows, columns, events }: Recording): string {
  const header = { version: 2, width: columns, height: rows, title };
  return [header, ...events.map(([seconds, text]) => [seconds, 'o', text])].map((entry) => `${JSON.stringify(entry)}\n`).join('');
}
