import { readFileSync } from 'node:fs';
import { canonicalSetting } from '#wire';
import type { Arguments } from '../arguments/parse.ts';
import { usageError } from '../arguments/usage-error.ts';

/** The settings that the files of --user-data, --meta-data and --network-config make; a file that cannot be read fails before the engine is asked. */
export function readSeed(args: Arguments): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const flag of ['user-data', 'meta-data', 'network-config']) {
    const file = args.text(flag);
    if (file !== undefined) settings[`cloud-init.${flag}`] = canonicalSetting(`cloud-init.${flag}`, read(flag, file));
  }
  return settings;
}

function read(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw usageError(`--${flag}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
