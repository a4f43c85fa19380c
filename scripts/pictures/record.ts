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

/** As players of terminal recordings read it (asciicast v2). Pure. */
export function formatCast({ title, rows, columns, events }: Recording): string {
  const header = { version: 2, width: columns, height: rows, title };
  return [header, ...events.map(([seconds, text]) => [seconds, 'o', text])].map((entry) => `${JSON.stringify(entry)}\n`).join('');
}
