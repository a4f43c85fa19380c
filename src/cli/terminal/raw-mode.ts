/** A terminal in raw mode; disposing puts it back, as often as one likes. */
export interface RawMode extends Disposable {
  readonly active: boolean;
}

const fatalSignals = ['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * Hands every key to the container. The mode comes back on each way out: when it is disposed, when the program exits by itself, and when a signal ends it.
 */
export function enterRawMode(stdin: NodeJS.ReadStream): RawMode {
  if (!stdin.isTTY) return { active: false, [Symbol.dispose]: () => {} };
  let active = true;
  const restore = (): void => {
    if (!active) return;
    active = false;
    stdin.setRawMode(false);
    process.off('exit', restore);
    for (const signal of fatalSignals) process.off(signal, die);
  };
  const die = (signal: NodeJS.Signals): void => {
    restore();
    process.kill(process.pid, signal);
  };
  stdin.setRawMode(true);
  process.on('exit', restore);
  for (const signal of fatalSignals) process.on(signal, die);
  return {
    get active() {
      return active;
    },
    [Symbol.dispose]: restore,
  };
}
