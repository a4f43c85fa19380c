import { OrlopError } from '#errors';

/** Signal numbers of x86-64 and arm64 (signal(7), asm-generic/signal.h). */
export const signals = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const;

const aliases: Readonly<Record<string, number>> = { SIGIOT: 6, SIGCLD: 17, SIGPOLL: 29 };

/** Real-time signals as programs count them: glibc and musl keep 32 and 33 to themselves. */
const firstRealtime = 34;
const lastRealtime = 64;

/**
 * Reads a signal as people write it: `9`, `KILL`, `SIGKILL`, `sigkill`, `RTMIN+3`, `SIGRTMAX-1`. Numbers are 1 to 64.
 * Fails with invalid-argument `SYS_UNKNOWN_SIGNAL`.
 */
export function parseSignal(text: string): number {
  const number = /^[0-9]{1,2}$/.test(text) ? Number(text) : namedSignal(text);
  if (number !== undefined && number >= 1 && number <= lastRealtime) return number;
  throw new OrlopError('invalid-argument', 'SYS_UNKNOWN_SIGNAL', `invalid signal: ${text}`, {
    hint: 'give a name such as SIGTERM, RTMIN+3 or a number from 1 to 64',
  });
}

function namedSignal(text: string): number | undefined {
  const upper = text.toUpperCase();
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  if (Object.hasOwn(signals, name)) return signals[name as keyof typeof signals];
  if (Object.hasOwn(aliases, name)) return aliases[name];
  const realtime = /^SIGRT(MIN|MAX)(?:([+-])([0-9]{1,2}))?$/.exec(name);
  if (realtime === null) return undefined;
  const [, end, sign, distance] = realtime;
  const steps = Number(distance ?? 0);
  if (steps !== 0 && sign !== (end === 'MIN' ? '+' : '-')) return undefined;
  const number = end === 'MIN' ? firstRealtime + steps : lastRealtime - steps;
  return number >= firstRealtime && number <= lastRealtime ? number : undefined;
}

/** The inverse of parseSignal: `SIGKILL`, `SIGRTMIN+3`, or the number for 32 and 33, which have no name. */
export function formatSignal(number: number): string {
  const found = Object.entries(signals).find(([, value]) => value === number);
  if (found !== undefined) return found[0];
  if (number < firstRealtime || number > lastRealtime) return String(number);
  return number === firstRealtime ? 'SIGRTMIN' : `SIGRTMIN+${number - firstRealtime}`;
}
