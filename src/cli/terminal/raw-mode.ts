import { spawnSync } from 'node:child_process';

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
  passOutputThrough(stdin);
  process.on('exit', restore);
  for (const signal of fatalSignals) process.on(signal, die);
  return {
    get active() {
      return active;
    },
    [Symbol.dispose]: restore,
  };
}

/**
 * Node's raw mode is for input only: the terminal would go on putting a carriage return before each newline, and the screens of full-screen programs
 * would fall apart. Putting the mode back undoes this too (termios(3), OPOST).
 */
function passOutputThrough(stdin: NodeJS.ReadStream): void {
  const { fd } = stdin as { fd?: number };
  if (fd !== undefined) spawnSync('stty', ['-opost'], { stdio: [fd, 'ignore', 'ignore'] });
}
