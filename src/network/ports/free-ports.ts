import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isErrno } from '#errors';

/** Ports that nobody asked for by number, none again before all others have had their turn. */
export interface FreePorts {
  /** Every port of the range once, the one after the last taken first. */
  candidates(): Iterable<number>;
}

/** Linux's own (ip-sysctl, `ip_local_port_range`). */
const usualRange = { first: 32_768, last: 60_999 };

/** The range from which the host takes the ports of its own connections: whoever asks for none by number expects one of these. */
export function createFreePorts(range = readRange()): FreePorts {
  const count = range.last - range.first + 1;
  // After a restart not the ports that clients of the containers before may still know.
  let next = randomInt(count);
  return {
    *candidates() {
      for (let left = count; left > 0; left -= 1) {
        const port = range.first + next;
        next = (next + 1) % count;
        yield port;
      }
    },
  };
}

function readRange(): { first: number; last: number } {
  try {
    const [first, last] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/).map(Number);
    return first !== undefined && last !== undefined && first > 0 && last >= first && last <= 65_535 ? { first, last } : usualRange;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return usualRange;
    throw error;
  }
}
