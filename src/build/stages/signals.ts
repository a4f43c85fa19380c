import { mistake } from '../dockerfile/errors.ts';

/** signal(7), Linux. */
const names = new Set(
  (
    'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP TSTP TTIN TTOU UNUSED ' +
    'URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX'
  ).split(' '),
);

/** Accepts what Docker accepts for STOPSIGNAL: a number, or a name in any case, with or without SIG. Fails with invalid-argument. */
export function checkSignal(text: string): void {
  if (/^\d{1,9}$/.test(text) ? Number(text) > 0 : isSignalName(text.toUpperCase().replace(/^SIG/, ''))) return;
  throw mistake(`invalid signal: ${text}`, 'write a name as SIGTERM or a number');
}

function isSignalName(name: string): boolean {
  const realTime = /^RT(?:MIN\+|MAX-)(\d{1,2})$/.exec(name);
  if (realTime !== null) return Number(realTime[1]) <= (name.startsWith('RTMIN') ? 15 : 14);
  return names.has(name);
}
