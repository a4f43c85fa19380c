import type { Io } from '../io.ts';
import { enterRawMode } from './raw-mode.ts';

/** The whole terminal, for a view that draws itself again and again. Disposing gives it back as it was, also when a signal ends the program. */
export interface Screen extends Disposable {
  readonly rows: number;
  readonly columns: number;
  /** Replaces what is shown. Lines that do not fit are cut. */
  draw(lines: readonly string[]): void;
}

export interface ScreenListener {
  key(key: string): void;
  resize(): void;
}

const fatalSignals = ['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
/** Another screen than that of the shell, and no cursor (xterm control sequences, DECSET 1049 and 25). */
const enter = '\u001B[?1049h\u001B[?25l';
const leave = '\u001B[?25h\u001B[?1049l';

/** To be called with terminals on both sides. */
export function openScreen(io: Io, listener: ScreenListener): Screen {
  const { stream } = io.stdout;
  const { stdin } = io;
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    io.stdout.write(leave);
    for (const signal of fatalSignals) process.off(signal, close);
    process.off('exit', close);
    stdin.off('data', onData).pause();
    stream.off('resize', listener.resize);
    raw[Symbol.dispose]();
  };
  const onData = (chunk: Buffer): void => listener.key(chunk.toString('utf8'));
  // Before the raw mode's own handlers: these end the program.
  for (const signal of fatalSignals) process.on(signal, close);
  process.on('exit', close);
  io.stdout.write(enter);
  const raw = enterRawMode(stdin);
  stdin.on('data', onData);
  stream.on('resize', listener.resize);
  const size = (): { rows: number; columns: number } => ({ rows: stream.rows || 24, columns: stream.columns || 80 });
  return {
    get rows() {
      return size().rows;
    },
    get columns() {
      return size().columns;
    },
    draw(lines) {
      const { rows, columns } = size();
      const shown = lines.slice(0, rows).map((line) => `${cut(line, columns)}\u001B[K`);
      io.stdout.write(`\u001B[H${shown.join('\r\n')}\u001B[J`);
    },
    [Symbol.dispose]: close,
  };
}

/** So many letters at most; sequences that only change the look do not count. */
function cut(line: string, columns: number): string {
  let room = columns;
  return line.replaceAll(/\u001B\[[\d;]*m|./gsu, (piece) => (piece.startsWith('\u001B') ? piece : room-- > 0 ? piece : ''));
}
