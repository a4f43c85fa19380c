import type { BootView, HealthView } from '#wire';
import { unknownHealth } from '../health/rules.ts';
import type { ContainerView, ExecId } from '../model.ts';
import type { ContainerRecord } from './record.ts';
import { logSettingsOf } from '../logs/container-log.ts';
import { chosenPaths, planVisibility } from '../spec/skeleton.ts';
import { viewOfMount } from '../volume/resolved-mount.ts';
import type { ContainerFiles } from './files.ts';

export interface ViewFacts {
  readonly files: ContainerFiles;
  /** Of the container whose network it shares. */
  readonly hostFiles?: ContainerFiles;
  readonly execIds: readonly ExecId[];
  readonly endpoints: ContainerView['endpoints'];
  /** `/db:/web/alias` */
  readonly links?: readonly string[];
  /** `/web/alias`, of those that link to it. */
  readonly linkNames?: readonly string[];
  readonly health?: HealthView;
  readonly boot?: BootView;
}

/** What clients are shown of a record. */
export function viewOf(record: ContainerRecord, facts: ViewFacts): ContainerView {
  const { hosts, hostname, resolvConf } = facts.hostFiles ?? facts.files;
  return {
    id: record.id,
    name: record.name,
    kind: record.kind,
    createdAtNs: record.createdAtNs,
    imageName: record.image.name,
    imageId: record.image.id,
    entrypoint: record.process.entrypoint,
    command: record.process.command,
    request: record.request,
    env: record.process.env,
    workingDirectory: record.process.workingDirectory,
    user: record.process.user,
    hostname: record.hostname,
    labels: record.labels,
    stopSignal: record.process.stopSignal,
    networkMode: record.network,
    exposedPorts: record.exposedPorts,
    ...record.state,
    logPath: logSettingsOf(record).driver === 'json-file' ? facts.files.log : '',
    cgroupPath: record.run?.cgroup ?? '',
    hostsPath: hosts,
    hostnamePath: hostname,
    resolvConfPath: resolvConf,
    execIds: facts.execIds,
    endpoints: [
      ...facts.endpoints,
      ...(record.awaited ?? []).map(({ network, wishes }) => ({ id: '', network, networkId: '', names: [], wishes })),
    ],
    publishedPorts: record.ports,
    ...(record.door === undefined ? {} : { waitsForConnections: true }),
    mounts: record.mounts.map(viewOfMount),
    hidden: hiddenPaths(record),
    links: facts.links ?? [],
    linkNames: facts.linkNames ?? [],
    ...(facts.boot === undefined ? {} : { boot: facts.boot }),
    ...(record.healthCheck == null ? {} : { healthCheck: record.healthCheck, health: facts.health ?? unknownHealth }),
  };
}

function hiddenPaths(record: ContainerRecord): ContainerView['hidden'] {
  const { maskedPaths: masked, readonlyPaths: readOnly } = { ...planVisibility(record), ...chosenPaths(record.request) };
  return { maskedPaths: masked ?? null, readonlyPaths: readOnly ?? null };
}
