import { readControl } from './files.ts';
import type { CgroupStats, Place, Pressure, Stall } from './types.ts';

/** psi.rst, "Cgroup2 interface". Every cgroup2 has the files, whatever controllers it has. */
export function readPressure(place: Place | null): CgroupStats['pressure'] {
  const read = (file: string): Pressure | null => (place?.version === 2 ? parsePressure(readControl(place.directory, file)) : null);
  return { cpu: read('cpu.pressure'), memory: read('memory.pressure'), io: read('io.pressure') };
}

/** Two lines, `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` and the same for `full`; the times are microseconds. Null for anything else. */
export function parsePressure(text: string | null): Pressure | null {
  const lines = new Map<string, Stall>();
  for (const line of (text ?? '').split('\n')) {
    const found = /^(some|full) avg10=(\d+\.\d+) avg60=(\d+\.\d+) avg300=(\d+\.\d+) total=(\d+)$/.exec(line);
    if (found === null) continue;
    const [percent10 = 0, percent60 = 0, percent300 = 0, totalUs = 0] = found.slice(2).map(Number);
    lines.set(found[1] ?? '', { percent10, percent60, percent300, totalUs });
  }
  const some = lines.get('some');
  return some === undefined ? null : { some, full: lines.get('full') ?? null };
}
