import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { OrlopError } from '#errors';
import { type Addon, loadAddon } from '#sys';
import { detectCgroupLayout } from '../cgroups/layout.ts';
import type { CgroupLayout } from '../cgroups/types.ts';
import type { RuntimeLog } from './log.ts';
import { print } from './print.ts';

/** What the commands need of the outside; each part is found when it is first asked for, because most commands need few. */
export interface RuntimeContext {
  readonly version: string;
  /** Where the records of containers are. */
  readonly root: string;
  /** --root names it: then it must be there before it is looked into. */
  readonly rootNamed: boolean;
  /** --systemd-cgroup. */
  readonly systemdCgroup: boolean;
  readonly log: RuntimeLog;
  addon(): Addon;
  /** Path of the bosun executable. */
  bosun(): string;
  cgroups(): CgroupLayout;
  print(text: string): void;
}

export function createRuntimeContext(
  options: Pick<RuntimeContext, 'version' | 'root' | 'rootNamed' | 'systemdCgroup' | 'log'>,
): RuntimeContext {
  let addon: Addon | undefined;
  let layout: CgroupLayout | undefined;
  return {
    ...options,
    addon: () => (addon ??= loadAddon(findNative('sys.node', 'ORLOP_ADDON'))),
    bosun: () => findNative('bosun', 'ORLOP_BOSUN'),
    cgroups: () => (layout ??= detectCgroupLayout()),
    print: (text) => print(1, text),
  };
}

/** The environment's word, else beside the executable or the bundle, else the build directory of the source tree. */
function findNative(name: string, variable: string): string {
  const named = process.env[variable];
  if (named !== undefined && named !== '') return named;
  const here = import.meta.dirname ?? '.';
  const places = [dirname(process.execPath), here, join(here, '../build'), join(here, '../../build'), join(here, '../../../build')];
  const found = places.map((place) => join(place, name)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new OrlopError('failed-precondition', 'RUNTIME_NATIVE_MISSING', `${name} is not beside ${process.execPath}`, {
    hint: `build it with npm run build, or set ${variable}`,
  });
}
