import { compareVersions } from '#api/http';
import {
  formatTime,
  toDockerHealthcheck,
  toSeconds,
  zeroTime,
  type DockerHistoryEntry,
  type DockerImage,
  type DockerImageSummary,
  type ImageView,
} from '#wire';

/** One entry of `GET /images/json`. */
export function imageSummaryOf(view: ImageView, apiVersion: string): DockerImageSummary {
  const isNameless = view.names.length + view.digests.length === 0 && compareVersions(apiVersion, '1.43') < 0;
  return {
    Id: view.id,
    ParentId: view.parent,
    RepoTags: isNameless ? ['<none>:<none>'] : [...view.names],
    RepoDigests: isNameless ? ['<none>@<none>'] : [...view.digests],
    Created: toSeconds(view.createdAtNs),
    Size: view.sizeBytes,
    SharedSize: -1,
    ...virtualSizeOf(view, apiVersion),
    Labels: Object.keys(view.labels).length === 0 ? null : { ...view.labels },
    Containers: compareVersions(apiVersion, '1.51') < 0 ? -1 : view.containers,
  };
}

/** `GET /images/{name}/json`. */
export function imageInspectionOf(view: ImageView, storageDriver: string, apiVersion: string): DockerImage {
  // docker-compose 1.29 speaks the newest version there is, and asks ContainerConfig, which Docker has given up, for volumes of what it replaces.
  const config = configOf(view);
  return {
    Id: view.id,
    RepoTags: [...view.names],
    RepoDigests: [...view.digests],
    Parent: view.parent,
    Comment: view.history.at(-1)?.comment ?? '',
    Created: formatTime(view.createdAtNs),
    DockerVersion: '',
    Author: view.author,
    Config: config,
    ContainerConfig: config,
    ...(compareVersions(apiVersion, '1.45') < 0 ? { Container: '' } : {}),
    Architecture: view.architecture,
    Os: view.os,
    Size: view.sizeBytes,
    ...virtualSizeOf(view, apiVersion),
    GraphDriver: { Name: storageDriver, Data: null },
    RootFS: { Type: 'layers', Layers: [...view.diffIds] },
    Metadata: { LastTagTime: view.taggedAtNs === 0n ? zeroTime : formatTime(view.taggedAtNs) },
  };
}

function configOf({ config, labels }: ImageView): DockerImage['Config'] {
  return {
    Hostname: '',
    Domainname: '',
    User: config.user,
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ...(config.exposedPorts.length === 0 ? {} : { ExposedPorts: keysOf(config.exposedPorts) }),
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: listOf(config.env),
    Cmd: config.emptyCommand === true ? [] : listOf(config.command),
    Image: '',
    Volumes: config.volumes.length === 0 ? null : keysOf(config.volumes),
    WorkingDir: config.workingDirectory,
    Entrypoint: listOf(config.entrypoint),
    OnBuild: listOf(config.onBuild ?? []),
    Labels: Object.keys(labels).length === 0 ? null : { ...labels },
    ...(config.shell === undefined ? {} : { Shell: [...config.shell] }),
    ...(config.stopSignal === '' ? {} : { StopSignal: config.stopSignal }),
    ...(config.healthCheck === undefined ? {} : { Healthcheck: toDockerHealthcheck(config.healthCheck) }),
  };
}

/** The same as `Size`, for clients of old. */
function virtualSizeOf({ sizeBytes }: ImageView, apiVersion: string): { VirtualSize?: number } {
  return compareVersions(apiVersion, '1.44') < 0 ? { VirtualSize: sizeBytes } : {};
}

/** `GET /images/{name}/history`, newest step first; only the newest has an id of its own. */
export function historyOf(view: ImageView): DockerHistoryEntry[] {
  return view.history
    .map((step, at) => ({
      Id: at === view.history.length - 1 ? view.id : '<missing>',
      Created: toSeconds(step.createdAtNs),
      CreatedBy: step.createdBy,
      Tags: at === view.history.length - 1 && view.names.length > 0 ? [...view.names] : null,
      Size: step.sizeBytes,
      Comment: step.comment,
    }))
    .toReversed();
}

function listOf(items: readonly string[]): string[] | null {
  return items.length === 0 ? null : [...items];
}

function keysOf(items: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(items.map((item) => [item, {}]));
}
