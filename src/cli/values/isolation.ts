import type { CreateRequest } from '#wire';
import type { Arguments } from '../arguments/parse.ts';
import { refusedValue, usageError } from '../arguments/usage-error.ts';
import { parsePairs } from './pairs.ts';

export type IsolationOptions = Pick<
  CreateRequest,
  'pidNamespace' | 'ipcNamespace' | 'utsNamespace' | 'cgroupNamespace' | 'cgroupParent' | 'annotations' | 'links'
>;

/** Namespaces, cgroup, annotations and links; only what was given is in it. Words are Docker's. */
export function readIsolation(args: Arguments): IsolationOptions {
  const [pid, ipc, uts] = [args.text('pid') ?? '', args.text('ipc') ?? '', args.text('uts') ?? ''];
  const cgroup = args.text('cgroupns') ?? '';
  const parent = args.text('cgroup-parent') ?? '';
  if (!['', 'host'].includes(pid) && !joins(pid)) throw usageError('--pid: invalid PID mode', runUsage);
  if (!['', 'private', 'shareable', 'host', 'none'].includes(ipc) && !joins(ipc)) throw refusedValue(`invalid IPC mode: ${ipc}`);
  if (uts !== '' && uts !== 'host') throw usageError('--uts: invalid UTS mode', runUsage);
  if (cgroup !== '' && cgroup !== 'private' && cgroup !== 'host') throw usageError('--cgroupns: invalid CGROUP mode', runUsage);
  return {
    ...(pid === '' ? {} : { pidNamespace: pid }),
    ...(ipc === '' ? {} : { ipcNamespace: ipc }),
    ...(uts === '' ? {} : { utsNamespace: uts }),
    ...(cgroup === '' ? {} : { cgroupNamespace: cgroup }),
    ...(parent === '' ? {} : { cgroupParent: parent }),
    ...(args.has('annotation') ? { annotations: parsePairs('annotation', args.list('annotation'), { bare: true }) } : {}),
    ...readLinks(args),
  };
}

/** Containers by further names; only what was given is in it. */
export function readLinks(args: Arguments): Pick<CreateRequest, 'links'> {
  const links = args.list('link').map(checkLink);
  return links.length === 0 ? {} : { links };
}

const runUsage = { name: 'run', usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]' };

function joins(mode: string): boolean {
  return /^container:./.test(mode);
}

/** `db`, `db:database` */
function checkLink(link: string): string {
  if (/^[^:]+(?::[^:]*)?$/.test(link)) return link;
  throw usageError(link === '' ? 'empty string specified for links' : `bad format for links: ${link}`);
}
