import type { IntelRdt } from '#oci';
import { refuseField, rejectField } from './refuse.ts';

/** What a container wants of resctrl (Documentation/filesystems/resctrl.rst). Paths are below its mount point. */
export interface RdtPlan {
  /** The control group; empty for the root, the default class of service. */
  readonly group: string;
  /** The control group is the container's own: made with it, and removed with it unless it was there before. */
  readonly own: boolean;
  /** What its `schemata` must say, in the order of writing. */
  readonly schemata: readonly string[];
  /** A monitoring group of the container's own below the control group. */
  readonly monitor: string | null;
}

const at = 'linux.intelRdt';

/** runtime-spec config-linux, "IntelRdt". null when the spec does not speak of it. Pure. */
export function planIntelRdt(rdt: IntelRdt | undefined, id: string): RdtPlan | null {
  if (rdt === undefined) return null;
  const { closID = '', l3CacheSchema = '', memBwSchema = '', schemata = [] } = rdt;
  for (const name of ['enableCMT', 'enableMBM'] as const) {
    if (rdt[name] === true) throw refuseField(`${at}.${name}`, 'one kind of monitoring cannot be had alone', 'use enableMonitoring');
  }
  if (closID !== '' && closID !== '/') checkName(closID);
  if (memBwSchema !== '' && !memBwSchema.startsWith('MB:')) throw rejectField(`${at}.memBwSchema`, 'does not begin with "MB:"');
  const lines = [
    ['l3CacheSchema', l3CacheSchema] as const,
    ['memBwSchema', memBwSchema] as const,
    ...schemata.map((line, index) => [`schemata[${index}]`, line] as const),
  ].filter(([, line]) => line !== '');
  for (const [field, line] of lines) if (/[\n\0]/.test(line)) throw rejectField(`${at}.${field}`, 'holds more than one line');
  const group = closID === '/' ? '' : closID === '' ? id : closID;
  return {
    group,
    own: closID === '',
    schemata: lines.map(([, line]) => line),
    monitor: rdt.enableMonitoring === true ? [group, 'mon_groups', id].filter((part) => part !== '').join('/') : null,
  };
}

/** Names that resctrl itself has, or that would lead elsewhere. */
function checkName(closID: string): void {
  if (/^[^/\n\0]{1,255}$/.test(closID) && !['.', '..', 'info', 'mon_groups', 'mon_data'].includes(closID)) return;
  throw rejectField(`${at}.closID`, `${JSON.stringify(closID)} is no name of a class of service`);
}

/**
 * The first wanted line that a group's `schemata` file does not agree with, or null. A line names some domains of a resource (`L3:0=7f0;1=1f`); bit masks may be
 * written with leading zeros.
 */
export function findDisagreement(wanted: readonly string[], schemata: string): string | null {
  const present = new Map(schemata.split('\n').map(parseLine));
  const agrees = (line: string): boolean => {
    const [resource, domains] = parseLine(line);
    return [...domains].every(([domain, value]) => present.get(resource)?.get(domain) === value);
  };
  return wanted.find((line) => !agrees(line)) ?? null;
}

function parseLine(line: string): [string, Map<string, string>] {
  const [resource = '', values = ''] = line.split(':', 2);
  const domains = values.split(';').map((one): [string, string] => {
    const [domain = '', value = ''] = one.split('=', 2);
    return [
      domain.trim(),
      value
        .trim()
        .toLowerCase()
        .replace(/^0+(?=.)/, ''),
    ];
  });
  return [resource.trim(), new Map(domains)];
}
