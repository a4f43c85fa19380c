import { OrlopError } from '#errors';
import { rejectField } from '../plan/refuse.ts';

/** A unit of systemd's that holds one container. */
export interface ScopeName {
  readonly slice: string;
  /** `docker-1234.scope`. */
  readonly unit: string;
  /** Below each hierarchy's root: `system.slice/docker-1234.scope`. */
  readonly cgroupPath: string;
}

const at = 'linux.cgroupsPath';

/**
 * `slice:prefix:name`, as runc reads and refuses it: the unit is `prefix-name.scope` in that slice, by default `orlop-runtime-<id>.scope` in `system.slice`. A name that
 * ends in `.slice` is a slice of its own, which we refuse: processes of one container then lie among those of others.
 */
export function parseScopeName(cgroupsPath: string, id: string): ScopeName {
  const parts = cgroupsPath === '' ? ['', 'orlop-runtime', id] : cgroupsPath.split(':');
  const [slice = '', prefix = '', name = ''] = parts;
  if (parts.length !== 3) {
    const got = JSON.stringify(cgroupsPath);
    const message = `expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got ${got} instead`;
    throw new OrlopError('invalid-argument', 'RUNTIME_SPEC_INVALID', message, { details: { path: at } });
  }
  if (name.endsWith('.slice')) throw rejectField(at, `${JSON.stringify(cgroupsPath)} names a slice, not a scope`, 'name the container');
  const unit = `${prefix}-${name}.scope`;
  // unit names, systemd.unit(5)
  if (name === '' || !/^[\w:.\\@-]{1,255}$/.test(unit)) throw rejectField(at, `${JSON.stringify(cgroupsPath)} makes no unit name`);
  const parent = slice === '' ? 'system.slice' : slice;
  return { slice: parent, unit, cgroupPath: [expandSlice(parent), unit].filter((part) => part !== '').join('/') };
}

/** systemd.slice(5): dashes in the name are the path, `a-b.slice` lies at `a.slice/a-b.slice`; `-.slice` is the root. */
export function expandSlice(slice: string): string {
  const name = slice.replace(/\.slice$/, '');
  if (name === slice || !/^[\w:.\\@-]{1,249}$/.test(name))
    throw rejectField(at, `${JSON.stringify(slice)} is no name of a slice`, 'like system.slice');
  if (name === '-') return '';
  const parts = name.split('-');
  if (parts.includes('')) throw rejectField(at, `${JSON.stringify(slice)} has an empty part between its dashes`);
  return parts.map((_part, index) => `${parts.slice(0, index + 1).join('-')}.slice`).join('/');
}
