import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { arch, availableParallelism, release, totalmem } from 'node:os';
import type { EngineContext } from './context.ts';
import { readableDrivers } from './logs/config.ts';
import type { EngineInfo } from './model.ts';

/** What this engine and its host are; read anew each time, cheap. */
export function engineInfo(context: EngineContext): EngineInfo {
  const statuses = context.table.all().map((container) => container.record.state.status);
  const count = (...wanted: readonly string[]): number => statuses.filter((status) => wanted.includes(status)).length;
  return {
    id: createHash('sha256').update(context.dataRoot).digest('hex').slice(0, 32),
    version: context.version,
    buildId: context.buildId,
    containers: {
      running: count('running'),
      paused: count('paused'),
      stopped: count('created', 'restarting', 'exited', 'dead', 'removing'),
    },
    images: new Set(context.store.metadata.images.list().map(({ manifest }) => manifest)).size,
    dataRoot: context.dataRoot,
    execRoot: context.execRoot,
    cgroupVersion: context.cgroups.mode === 'hybrid' ? 'hybrid' : context.cgroups.mode === 'v2' ? '2' : '1',
    cgroupDriver: 'cgroupfs',
    kernel: release(),
    operatingSystem: operatingSystem(),
    architecture: dockerArchitecture(),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    hostname: context.hostname,
    // Docker's word for what overlayfs does; it has none for whole copies that may share blocks.
    storageDriver: context.store.snapshots.driver === 'overlay' ? 'overlay2' : context.store.snapshots.driver,
    diskLimits: context.store.snapshots.limitedBy,
    logDriver: context.logging.driver,
    logDrivers: readableDrivers,
    openFiles: readdirSync('/proc/self/fd').length,
    pendingWork: process.getActiveResourcesInfo().length,
    warnings: context.warnings,
  };
}

function operatingSystem(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  } catch {
    return 'Linux';
  }
}

function dockerArchitecture(): string {
  const names: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };
  return names[arch()] ?? arch();
}
