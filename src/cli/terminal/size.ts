export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** The size of the terminal that shows the output; undefined when there is none. */
export function terminalSize(out: NodeJS.WriteStream): TerminalSize | undefined {
  return out.isTTY && out.rows > 0 && out.columns > 0 ? { rows: out.rows, columns: out.columns } : undefined;
}

/** Passes each new size on, one at a time and the latest last. A size that cannot be passed on is not worth a word: the process may have ended. */
export function followSize(out: NodeJS.WriteStream, resize: (size: TerminalSize) => Promise<void>): Disposable {
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
  out.on('resize', pass);
  return { [Symbol.dispose]: () => void out.off('resize', pass) };
}
