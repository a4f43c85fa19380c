import { setTimeout as delay } from 'node:timers/promises';
import { OrlopError } from '#errors';

const patienceMs = 10_000;

/** Asks at growing intervals (1 ms … 50 ms): there is no event to wait for that all kernels give. */
export async function until(done: () => boolean, complaint: string, again: (attempt: number) => void = () => {}): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (let attempt = 0; !done(); attempt += 1) {
    if (performance.now() > deadline)
      throw new OrlopError('deadline-exceeded', 'RUNTIME_CGROUP_TIMEOUT', complaint, { details: { waitedMs: patienceMs } });
    again(attempt);
    if (done()) return;
    await delay(Math.min(2 ** Math.min(attempt, 6), 50));
  }
}
