/** Run by a test in a process of its own: `node crash-child.ts ROOT` makes, fills, uses and removes volumes, telling what it is at, until it is killed. */
import { writeFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { join } from 'node:path';
import { createLogger } from '#log';
import { loadAddon } from '#sys';
import { openVolumes } from '../volumes.ts';

const [root = ''] = process.argv.slice(2);
const volumes = await openVolumes({ addon: loadAddon(), root, logger: createLogger({ level: 'error' }) });
const mounted = process.getuid?.() === 0 ? { type: 'tmpfs', device: 'tmpfs' } : {};

for (let round = 0; ; round += 1) {
  const name = `v${process.pid}-${round}`;
  process.stdout.write(`${name}\n`);
  await volumes.create({ name, options: round % 3 === 2 ? mounted : {} }, 'user');
  await volumes.fill(name, async (path) => {
    for (let at = 0; at < 20; at++) {
      writeFileSync(join(path, `file${at}`), 'content');
      await setImmediate();
    }
  });
  await volumes.release(name, 'user');
  if (round % 2 === 0) await volumes.remove(name);
}
