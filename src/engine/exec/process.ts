import type { LinuxCapabilities, Process } from '#oci';
import {
  allCapabilities,
  availableCapabilities,
  resolveUser,
  resolveUserAside,
  type CompiledSeccomp,
  type IdMap,
  type ResolvedUser,
} from '#runtime';
import { mergeEnvironment } from '../container/effective.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import type { ExecRequest } from '../model.ts';
import { linkVariables } from '../network/links.ts';
import { mayMount, openRunningRoot } from '../files/root.ts';
import { boundingSet, rlimitsOf } from '../spec/build-spec.ts';
import { seccompFilter } from '../spec/seccomp.ts';

export interface PlannedExec {
  readonly process: Process;
  readonly filter: CompiledSeccomp | null;
  /** The container's, when it has a user namespace of its own. */
  readonly idMap: IdMap | null;
}

/** One more process as the container's own are: same capabilities and filter unless privileged, its user looked up in the running root. */
export async function planExec(context: EngineContext, container: LiveContainer, request: ExecRequest): Promise<PlannedExec> {
  const { record } = container;
  const user = await lookUp(context, container, request.user ?? record.process.user);
  const privileged = request.privileged === true;
  const range = record.run?.idRange ?? null;
  // Outside a user namespace of its own nobody gets more than the engine has.
  const names = privileged
    ? [...(range === null ? availableCapabilities() : allCapabilities)]
    : boundingSet(record, context.cgroups, range !== null);
  const lines = range === null ? [] : [{ containerID: 0, hostID: range.first, size: range.count }];
  return {
    process: {
      terminal: request.terminal,
      args: [...request.command],
      env: environmentOf(container, request, user, linkVariables(context, record, 'left out')),
      cwd: request.workingDirectory ?? (record.process.workingDirectory || '/'),
      user: { uid: user.uid, gid: user.gid, additionalGids: [...user.groups] },
      capabilities: capabilitySets(names, user, privileged),
      noNewPrivileges: record.request.noNewPrivileges === true,
      rlimits: rlimitsOf(record.request),
      ...(privileged || record.request.appArmorProfile === undefined ? {} : { apparmorProfile: record.request.appArmorProfile }),
    },
    filter: privileged ? null : seccompFilter(record, boundingSet(record, context.cgroups, range !== null), context.seccomp),
    idMap: range === null ? null : { uids: lines, gids: lines },
  };
}

async function lookUp(context: EngineContext, { record }: LiveContainer, text: string): Promise<ResolvedUser> {
  const { addon, bosun } = context;
  const root = openRunningRoot(addon, record);
  try {
    const groups = record.request.groupAdd;
    return mayMount(context, record)
      ? await resolveUserAside({ addon, bosun, root }, text, groups)
      : resolveUser(addon, root, text, groups);
  } finally {
    addon.close(root);
  }
}

function environmentOf(container: LiveContainer, request: ExecRequest, user: ResolvedUser, links: readonly string[]): string[] {
  const { record } = container;
  const fixed = [
    `HOSTNAME=${record.hostname}`,
    ...(request.terminal ? ['TERM=xterm'] : []),
    ...(record.kind === 'system' ? ['container=orlop'] : []),
  ];
  // An empty HOME is none, to runc as well.
  const merged = mergeEnvironment([...fixed, ...links, ...record.process.env], request.env ?? []).filter((entry) => entry !== 'HOME=');
  return merged.some((entry) => entry.startsWith('HOME=')) ? merged : [...merged, `HOME=${user.home}`];
}

function capabilitySets(names: string[], user: ResolvedUser, privileged: boolean): LinuxCapabilities {
  const held = user.uid === 0 || privileged ? names : [];
  return { bounding: names, effective: held, permitted: held, inheritable: [], ambient: [] };
}
