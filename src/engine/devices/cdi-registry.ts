import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { isErrno, OrlopError, toOrlopError } from '#errors';
import { parseCdiSpec, type CdiDevice, type CdiSpec } from '#oci';

/** Where hosts describe their devices; what is in the latter wins (container-device-interface, SPEC.md). */
export const cdiDirectories: readonly string[] = ['/etc/cdi', '/var/run/cdi'];

/** A device that can be given to containers, with the specification that it comes from. */
export interface KnownDevice {
  readonly device: CdiDevice;
  readonly spec: CdiSpec;
  readonly file: string;
}

export interface CdiRegistry {
  /** By `vendor.com/class=name`. */
  readonly devices: ReadonlyMap<string, KnownDevice>;
  /** What cannot be used, one sentence each: files that cannot be read, names that two files of one directory give. */
  readonly problems: readonly string[];
}

const maxBytes = 8 * 1024 * 1024;

/** Reads all that there is at this moment: files come and go with drivers. A directory that is not there has nothing in it. */
export function readCdiRegistry(directories: readonly string[] = cdiDirectories): CdiRegistry {
  const devices = new Map<string, KnownDevice>();
  const problems: string[] = [];
  for (const directory of directories) {
    const found = new Map<string, KnownDevice>();
    for (const file of filesIn(directory)) {
      const spec = readSpec(file, problems);
      for (const device of spec?.devices ?? []) {
        const name = `${spec?.kind}=${device.name}`;
        const other = found.get(name);
        if (other !== undefined) problems.push(`${name} is in both ${other.file} and ${file}`);
        else if (spec !== null) found.set(name, { device, spec, file });
      }
    }
    // Of two files of equal rank neither counts.
    for (const [name, known] of found) {
      if (problems.some((problem) => problem.startsWith(`${name} is in both`))) devices.delete(name);
      else devices.set(name, known);
    }
  }
  return { devices, problems };
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => /\.(?:json|ya?ml)$/.test(name))
      .sort()
      .map((name) => join(directory, name));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

function readSpec(file: string, problems: string[]): CdiSpec | null {
  try {
    if (statSync(file).size > maxBytes)
      throw new OrlopError('invalid-argument', 'ENGINE_CDI_SIZE', `${file} is larger than ${maxBytes} bytes`);
    const text = readFileSync(file, 'utf8');
    // JSON is YAML, too, but its own reader says better what is wrong with it.
    const value: unknown = file.endsWith('.json') ? JSON.parse(text) : parseYaml(text, { maxAliasCount: 100 });
    return parseCdiSpec(value, file);
  } catch (error) {
    const { message } = toOrlopError(error);
    problems.push(message.includes(file) ? message : `${file}: ${message}`);
    return null;
  }
}
