import { compareVersions } from '#api/http';
import {
  formatTime,
  kindLabel,
  toSeconds,
  zeroTime,
  type ContainerView,
  type DockerContainer,
  type DockerContainerConfig,
  type DockerContainerState,
  type DockerContainerSummary,
  toDockerHealthcheck,
} from '#wire';
import { hostConfigOf } from './host-config-view.ts';
import { endpointsOf, networkSettingsOf, portsOf } from './network-settings.ts';
import { mountPointOf } from './mount-view.ts';
import { healthState } from './health.ts';
import { formatStatus } from './status-text.ts';

/** One entry of `GET /containers/json`. */
export function summaryOf(view: ContainerView, nowNs: bigint, apiVersion: string): DockerContainerSummary {
  const { annotations } = view.request;
  return {
    Id: view.id,
    Names: [`/${view.name}`, ...view.linkNames],
    Image: view.imageName,
    ImageID: view.imageId,
    Command: commandOf(view),
    Created: toSeconds(view.createdAtNs),
    Ports: portsOf(view),
    Labels: labelsOf(view),
    State: view.status,
    Status: formatStatus(view, nowNs),
    HostConfig: {
      NetworkMode: view.networkMode,
      ...(annotations === undefined || compareVersions(apiVersion, '1.46') < 0 ? {} : { Annotations: { ...annotations } }),
    },
    NetworkSettings: { Networks: endpointsOf(view) },
    Mounts: view.mounts.map(mountPointOf),
  };
}

/** As Docker writes it in one line: words with blanks stand in quotes, but for the program's own. */
function commandOf({ entrypoint, command }: ContainerView): string {
  const [path = '', ...words] = [...entrypoint, ...command];
  return [path, ...words.map((word) => (word.includes(' ') ? `'${word}'` : word))].join(' ');
}

/** `GET /containers/{id}/json`. */
export function inspectionOf(view: ContainerView, storageDriver: string): DockerContainer {
  const [path = '', ...words] = [...view.entrypoint, ...view.command];
  return {
    Id: view.id,
    Created: formatTime(view.createdAtNs),
    Path: path,
    Args: words,
    State: stateOf(view),
    Image: view.imageId,
    ResolvConfPath: view.resolvConfPath,
    HostnamePath: view.hostnamePath,
    HostsPath: view.hostsPath,
    LogPath: view.logPath,
    Name: `/${view.name}`,
    RestartCount: view.restartCount,
    Driver: storageDriver,
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: view.request.appArmorProfile ?? '',
    ExecIDs: view.execIds.length === 0 ? null : [...view.execIds],
    HostConfig: hostConfigOf(view),
    GraphDriver: { Name: storageDriver, Data: null },
    Mounts: view.mounts.map(mountPointOf),
    Config: configOf(view),
    NetworkSettings: networkSettingsOf(view),
  };
}

function stateOf(view: ContainerView): DockerContainerState {
  return {
    Status: view.status,
    // As Docker: who waits for a start by policy counts as running.
    Running: ['running', 'paused', 'restarting'].includes(view.status),
    Paused: view.status === 'paused',
    Restarting: view.status === 'restarting',
    OOMKilled: view.outOfMemory,
    Dead: view.status === 'dead',
    Pid: view.pid,
    ExitCode: view.exitCode,
    Error: view.error,
    StartedAt: view.startedAtNs === 0n ? zeroTime : formatTime(view.startedAtNs),
    FinishedAt: view.finishedAtNs === 0n ? zeroTime : formatTime(view.finishedAtNs),
    ...(view.boot === undefined ? {} : { Boot: view.boot }),
    ...(view.health === undefined ? {} : { Health: healthState(view.health) }),
  };
}

function configOf(view: ContainerView): DockerContainerConfig {
  const { request } = view;
  return {
    Hostname: view.hostname,
    Domainname: request.domainname ?? '',
    User: view.user,
    AttachStdin: request.attachStdin ?? false,
    AttachStdout: request.attachStdout ?? false,
    AttachStderr: request.attachStderr ?? false,
    ...(view.exposedPorts.length === 0 ? {} : { ExposedPorts: Object.fromEntries(view.exposedPorts.map((port) => [port, {}])) }),
    Tty: request.terminal ?? false,
    OpenStdin: request.openStdin ?? false,
    StdinOnce: request.stdinOnce ?? false,
    Env: [...view.env],
    Cmd: view.command.length === 0 ? null : [...view.command],
    Image: view.imageName,
    Volumes: request.volumes === undefined ? null : Object.fromEntries(request.volumes.map((place) => [place, {}])),
    WorkingDir: view.workingDirectory,
    Entrypoint: view.entrypoint.length === 0 ? null : [...view.entrypoint],
    ...(request.mac === undefined ? {} : { MacAddress: request.mac }),
    OnBuild: request.onBuild === undefined ? null : [...request.onBuild],
    Labels: labelsOf(view),
    ...(view.stopSignal === '' ? {} : { StopSignal: view.stopSignal }),
    ...(view.healthCheck === undefined ? {} : { Healthcheck: toDockerHealthcheck(view.healthCheck) }),
    ...(request.stopTimeoutS === undefined ? {} : { StopTimeout: request.stopTimeoutS }),
    ...(request.shell === undefined ? {} : { Shell: [...request.shell] }),
  };
}

function labelsOf(view: ContainerView): Record<string, string> {
  return view.kind === 'system' ? { ...view.labels, [kindLabel]: 'system' } : { ...view.labels };
}
