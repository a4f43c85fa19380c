import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface TypedTerminal {
  /** All that was shown so far. */
  shown(): string;
  /** Resolves when the pattern has been shown; fails after 20 s with what was shown instead. */
  until(pattern: RegExp): Promise<void>;
  type(keys: string): void;
  /** The command's exit code. */
  ended: Promise<number | null>;
}

/** Runs a shell line on a terminal of its own (script(1)). */
export function openTerminal(line: string): TypedTerminal {
  const child = spawn('script', ['-qec', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  let wake = (): void => {};
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    wake();
  });
  return {
    shown: () => text,
    async until(pattern) {
      const late = AbortSignal.timeout(20_000);
      while (!pattern.test(text)) {
        if (late.aborted) throw new Error(`${pattern} was not shown, but: ${JSON.stringify(text)}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
          late.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    },
    type: (keys) => void child.stdin.write(keys),
    ended: once(child, 'close').then(([code]) => code as number | null),
  };
}
