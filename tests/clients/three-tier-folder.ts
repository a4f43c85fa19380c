import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../scripts/rooms.ts';
import { freePort } from './free-port.ts';

/** A copy of examples/three-tier with a password and a port of the host of its own, which is answered. */
export async function copyThreeTier(folder: string): Promise<number> {
  cpSync(join(projectRoot, 'examples/three-tier'), folder, { recursive: true });
  rmSync(join(folder, 'secrets'), { recursive: true, force: true });
  mkdirSync(join(folder, 'secrets'));
  writeFileSync(join(folder, 'secrets/password'), 'not much of a secret\n', { mode: 0o644 });
  const port = await freePort();
  writeFileSync(join(folder, '.env'), `PORT=${port}\n`);
  return port;
}
