import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../rooms.ts';
import type { Edition } from './roff.ts';

/** What the newest entry of the changelog says: its version and its day. Fails when that is not the version of package.json. */
export function readEdition(): Edition & { readonly time: Date } {
  const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string };
  const text = readFileSync(join(projectRoot, 'packaging/changelog'), 'utf8');
  const [, said = ''] = /^orlop \(([^)]+)\)/.exec(text) ?? [];
  const time = new Date(/^ -- .* {2}(.*)$/m.exec(text)?.[1] ?? '');
  if (said !== version || Number.isNaN(time.getTime()))
    throw new Error(`packaging/changelog must begin with an entry for version ${version}`);
  return { version, date: time.toISOString().slice(0, 10), time };
}
