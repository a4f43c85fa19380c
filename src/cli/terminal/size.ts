import type { Output } from '../output.ts';

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** The size of the terminal that shows the output; undefined when there is none. */
export function terminalSize(out: Output): TerminalSize | undefined {
  if (!out.isTTY) return undefined;
  const { rows, columns } = out.stream;
  return rows > 0 && columns > 0 ? { rows, columns } : undefined;
}

/** Passes each new size on, one at a time and the latest last. A size that cannot be passed on is not worth a word: the process may have ended. */
export function followSize(out: Output, resize: (size: TerminalSize) => Promise<void>): Disposable {
  let busy = false;
  let again = false;
  const pass = (): void => {
    const size = terminalSize(out);
    if (size === undefined) return;
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    resize(size)
      .catch(() => undefined)
      .finally(() => {
        busy = false;
        if (again) {
          again = false;
          pass();
        }
      });
  };
  const { stream } = out;
  stream.on('resize', pass);
  return { [Symbol.dispose]: () => void stream.off('resize', pass) };
}
