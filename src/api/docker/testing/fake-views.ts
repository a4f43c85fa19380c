import { createHash, randomBytes } from 'node:crypto';
import type { ContainerSample, ContainerView, CreateRequest, ImageView } from '#wire';

/** The short form of a name that a client wrote out in full. */
export function familiar(name: string): string {
  return name.replace(/^docker\.io\/(?:library\/)?/, '');
}

/** An image of one layer whose command says something. */
export function fakeImage(name: string): ImageView {
  return {
    id: `sha256:${createHash('sha256').update(name).digest('hex')}`,
    names: [name],
    digests: [],
    createdAtNs: 1_700_000_000_123_456_789n,
    taggedAtNs: 0n,
    sizeBytes: 80_000_000,
    kind: 'app',
    labels: {},
    containers: 0,
    parent: '',
    author: '',
    architecture: 'amd64',
    os: 'linux',
    config: {
      entrypoint: [],
      command: ['echo', 'from image'],
      env: ['PATH=/bin'],
      workingDirectory: '',
      user: '',
      exposedPorts: [],
      volumes: [],
      stopSignal: '',
    },
    diffIds: [`sha256:${'1'.repeat(64)}`],
    history: [{ createdAtNs: 1_700_000_000_000_000_000n, createdBy: 'mmdebstrap', comment: '', empty: false, sizeBytes: 80_000_000 }],
  };
}

/** A container as it is before its first start. */
export function fakeContainerView(request: CreateRequest & { name: string }, image: ImageView): ContainerView {
  const id = randomBytes(32).toString('hex');
  const entrypoint = request.entrypoint ?? image.config.entrypoint;
  return {
    id,
    name: request.name,
    kind: request.kind,
    createdAtNs: nowNs(),
    imageName: request.image,
    imageId: image.id,
    entrypoint: entrypoint.filter((word) => word !== ''),
    command: request.command ?? (request.entrypoint === undefined ? image.config.command : []),
    request,
    env: [...image.config.env, ...(request.env ?? [])],
    workingDirectory: request.workingDirectory ?? '/',
    user: request.user ?? '',
    hostname: request.hostname ?? id.slice(0, 12),
    labels: request.labels ?? {},
    stopSignal: request.stopSignal ?? 'SIGTERM',
    networkMode: request.network ?? 'bridge',
    exposedPorts: [],
    status: 'created',
    pid: 0,
    exitCode: 0,
    outOfMemory: false,
    error: '',
    startedAtNs: 0n,
    finishedAtNs: 0n,
    restartCount: 0,
    logPath: `/var/lib/orlop/containers/${id}/logs/log.json`,
    cgroupPath: `orlop/${id}`,
    hostsPath: '',
    hostnamePath: '',
    resolvConfPath: '',
    execIds: [],
    endpoints: [],
    publishedPorts: [],
    mounts: [],
    links: [],
    linkNames: [],
    hidden: { maskedPaths: null, readonlyPaths: null },
  };
}

export function nowNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

/** Two processors at work for so many seconds, one of them on this container for a quarter of each. */
export function fakeSample(seconds: number): ContainerSample {
  return {
    timeNs: nowNs(),
    cpu: {
      usageNs: seconds * 250_000_000,
      userNs: seconds * 200_000_000,
      kernelNs: seconds * 50_000_000,
      periods: 0,
      throttledPeriods: 0,
      throttledNs: 0,
      hostNs: seconds * 2_000_000_000,
      processors: 2,
    },
    memory: { usageBytes: 3 * 2 ** 20, maxUsageBytes: 2 ** 22, limitBytes: 2 ** 26, failures: 0, detail: { total_inactive_file: 2 ** 20 } },
    hostMemoryBytes: 2 ** 30,
    pids: { current: 3, limit: null },
    io: [{ major: 8, minor: 0, readBytes: 4096, writtenBytes: 1_500_000, reads: 1, writes: 2 }],
    networks: {
      eth0: { rxBytes: 1226, rxPackets: 13, rxErrors: 0, rxDropped: 0, txBytes: 806, txPackets: 9, txErrors: 0, txDropped: 0 },
    },
  };
}
