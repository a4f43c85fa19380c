import { constants } from 'node:os';
import { OrlopError } from '#errors';

const realtimeMin = 34;
const realtimeMax = 64;

/** A signal's number from its name (`TERM`, `SIGTERM`, `RTMIN+3`, `sigrtmax-1`) or number as text (signal(7)). */
export function parseSignal(text: string): number {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number >= 1 && number <= realtimeMax) return number;
  }
  const name = text.toUpperCase().replace(/^SIG/, '');
  const realtime = /^RTM(IN|AX)(?:([+-])(\d+))?$/.exec(name);
  if (realtime !== null) {
    const base = realtime[1] === 'IN' ? realtimeMin : realtimeMax;
    const number = base + (realtime[2] === '-' ? -1 : 1) * Number(realtime[3] ?? '0');
    if (number >= realtimeMin && number <= realtimeMax) return number;
  }
  const number = (constants.signals as Readonly<Record<string, number>>)[`SIG${name}`];
  if (number !== undefined) return number;
  throw new OrlopError('invalid-argument', 'ENGINE_SIGNAL_INVALID', `invalid signal: ${text}`, { hint: 'give a name such as TERM or a number from 1 to 64' });
}
