import type { FlagSpec } from '../arguments/spec.ts';
import { appFlags, scarceLimitFlags, surroundingFlags } from './isolation-flags.ts';
import { networkFlags } from './network-flags.ts';
import { refuse } from './refused.ts';

/** Flags that mean the same for containers of both kinds. */
export const sharedFlags: readonly FlagSpec[] = [
  ...scarceLimitFlags,
  ...surroundingFlags,
  { name: 'add-host', kind: 'list', help: 'Add a host-to-IP mapping (host:ip)' },
  { name: 'cap-add', kind: 'list', help: 'Add Linux capabilities' },
  { name: 'cap-drop', kind: 'list', help: 'Drop Linux capabilities' },
  { name: 'cpu-period', kind: 'integer', help: 'Limit CPU CFS (Completely Fair Scheduler) period, in microseconds' },
  { name: 'cpu-quota', kind: 'integer', help: 'Limit CPU CFS (Completely Fair Scheduler) quota, in microseconds' },
  { name: 'cpu-shares', short: 'c', kind: 'integer', help: 'CPU shares (relative weight)' },
  { name: 'cpus', kind: 'text', value: 'decimal', help: 'Number of CPUs' },
  { name: 'cpuset-cpus', kind: 'text', help: 'CPUs in which to allow execution (0-3, 0,1)' },
  { name: 'cpuset-mems', kind: 'text', help: 'Memory nodes in which to allow execution (0-3, 0,1)' },
  { name: 'domainname', kind: 'text', help: 'NIS domain name' },
  { name: 'env', short: 'e', kind: 'list', help: 'Set environment variables' },
  { name: 'env-file', kind: 'list', help: 'Read environment variables from a file' },
  { name: 'health-cmd', kind: 'text', value: 'command', help: 'Command that tells whether the container is well' },
  { name: 'health-interval', kind: 'text', value: 'duration', help: 'Time between two questions (default 30s)' },
  { name: 'health-retries', kind: 'integer', help: 'Failures in a row that make it unhealthy (default 3)' },
  { name: 'health-start-interval', kind: 'text', value: 'duration', help: 'Time between two questions while it starts (default 5s)' },
  { name: 'health-start-period', kind: 'text', value: 'duration', help: 'Time in which failures do not count' },
  { name: 'health-timeout', kind: 'text', value: 'duration', help: 'Longest time for an answer (default 30s)' },
  { name: 'hostname', short: 'h', kind: 'text', help: 'Host name' },
  { name: 'label', short: 'l', kind: 'list', help: 'Set metadata (key=value)' },
  {
    name: 'log-driver',
    kind: 'text',
    help: 'How output is kept: json-file, local (plain text, packed) or none',
    choices: ['json-file', 'local', 'none'],
  },
  { name: 'log-opt', kind: 'list', help: 'Options of the log driver (max-size=10m, max-file=3, max-age=7d, compress=true)' },
  { name: 'memory', short: 'm', kind: 'text', value: 'bytes', help: 'Memory limit' },
  { name: 'memory-reservation', kind: 'text', value: 'bytes', help: 'Memory soft limit' },
  { name: 'memory-swap', kind: 'text', value: 'bytes', help: 'Limit of memory and swap together; -1 for unlimited swap' },
  ...networkFlags,
  {
    name: 'mount',
    kind: 'list',
    help: 'Mount a bind, a volume, a tmpfs or an image (type=bind,source=/src,target=/dst,readonly)',
  },
  { name: 'no-healthcheck', kind: 'flag', help: 'Do not ask, whatever the image says' },
  { name: 'on-demand', kind: 'flag', help: 'Start it when somebody connects to one of its published ports, and stop it when nobody does' },
  {
    name: 'on-unhealthy',
    kind: 'text',
    value: 'action',
    help: 'What is done when it becomes unhealthy',
    choices: ['none', 'restart', 'stop'],
  },
  { name: 'oom-score-adj', kind: 'integer', help: "Tune the host's out-of-memory preferences (-1000 to 1000)" },
  { name: 'pids-limit', kind: 'integer', help: 'Limit the number of processes; -1 for unlimited' },
  { name: 'privileged', kind: 'flag', help: 'Give extended privileges' },
  { name: 'no-profiles', kind: 'flag', help: 'Take no profile, not even the one called default' },
  { name: 'profile', kind: 'list', help: 'Take settings from a profile; later ones win (default default)', completes: 'profile' },
  { name: 'set', kind: 'list', value: 'key=value', help: 'Set what orlop set --help names', completes: 'setting' },
  { name: 'read-only', kind: 'flag', help: 'Mount the root file system read-only' },
  {
    name: 'restart',
    kind: 'text',
    value: 'policy',
    help: 'Start it again when it ends (no, on-failure[:retries], always, unless-stopped)',
  },
  {
    name: 'security-opt',
    kind: 'list',
    help: 'Security options: no-new-privileges, seccomp=FILE|unconfined, apparmor=PROFILE, systempaths=unconfined',
  },
  { name: 'shm-size', kind: 'text', value: 'bytes', help: 'Size of /dev/shm' },
  { name: 'stop-signal', kind: 'text', help: 'Signal to stop the container' },
  { name: 'stop-timeout', kind: 'integer', help: 'Seconds before a stop kills' },
  { name: 'sysctl', kind: 'list', help: 'Kernel parameters (name=value)' },
  { name: 'storage-opt', kind: 'list', help: 'Limit what the container may write (size=10G)' },
  { name: 'tmpfs', kind: 'list', help: 'Mount a tmpfs directory (path[:options])' },
  { name: 'ulimit', kind: 'list', help: 'Resource limits (name=soft[:hard])' },
  { name: 'volume', short: 'v', kind: 'list', help: 'Mount a directory of the host or a volume (source:target[:options])' },
  { name: 'volume-driver', kind: 'text', help: 'Driver of the volumes that are made' },
  { name: 'volumes-from', kind: 'list', completes: 'container', help: 'Mount what another container mounts (name[:ro])' },
  { name: 'userns', kind: 'text', help: "User namespace: an own one, or the host's", choices: ['auto', 'host'] },
];

const limitFlags = [
  'blkio-weight',
  'cpu-rt-period',
  'cpu-rt-runtime',
  'cpu-period',
  'cpu-quota',
  'cpu-shares',
  'cpus',
  'cpuset-cpus',
  'cpuset-mems',
  'memory',
  'memory-reservation',
  'memory-swap',
  'pids-limit',
];

/** Those that `update` takes for containers that are there. */
export const updatedFlags: readonly FlagSpec[] = sharedFlags.filter(({ name }) => name === 'restart' || limitFlags.includes(name));

/** What `run` and `create` add to them. */
export const createFlags: readonly FlagSpec[] = [
  ...sharedFlags,
  ...appFlags,
  { name: 'attach', short: 'a', kind: 'list', help: 'Attach to STDIN, STDOUT or STDERR', choices: ['stdin', 'stdout', 'stderr'] },
  { name: 'entrypoint', kind: 'text', help: "Overwrite the image's entrypoint" },
  { name: 'group-add', kind: 'list', help: 'Further groups of the process' },
  { name: 'init', kind: 'flag', help: 'Run an init in the container that forwards signals and reaps processes' },
  { name: 'interactive', short: 'i', kind: 'flag', help: 'Keep STDIN open' },
  { name: 'name', kind: 'text', help: 'Name of the container' },
  { name: 'pull', kind: 'text', help: 'Pull the image before creating (missing, always, never)', choices: ['missing', 'always', 'never'] },
  { name: 'quiet', short: 'q', kind: 'flag', help: 'Say nothing while pulling' },
  { name: 'rm', kind: 'flag', help: 'Remove the container when its process ends' },
  { name: 'tty', short: 't', kind: 'flag', help: 'Give the process a terminal' },
  { name: 'user', short: 'u', kind: 'text', help: 'User of the process (name|uid[:group|gid])' },
  { name: 'workdir', short: 'w', kind: 'text', help: 'Working directory inside the container' },
];

/** Docker has them; they are refused by name instead of being called unknown. */
export const refusedFlags: readonly FlagSpec[] = [
  refuse('use-api-socket', "mount the engine's socket: -v /run/orlop/orlop.sock:/var/run/docker.sock", 'flag'),
  ...['cpu-count', 'cpu-percent'].map((name) => refuse(name, 'it is for Windows: limit processors with --cpus')),
  ...['io-maxbandwidth', 'io-maxiops'].map((name) => refuse(name, 'it is for Windows: limit devices with --device-read-bps and its like')),
];

/** For a whole system also those that mean something for apps alone. */
/** Files for a machine's cloud-init; they are settings of the same names. */
export const seedFlags: readonly FlagSpec[] = [
  { name: 'user-data', kind: 'text', value: 'FILE', help: 'What cloud-init is to do: #cloud-config or a script (cloud-init.user-data)' },
  { name: 'meta-data', kind: 'text', value: 'FILE', help: 'What cloud-init is to know of its machine (cloud-init.meta-data)' },
  { name: 'network-config', kind: 'text', value: 'FILE', help: 'How cloud-init is to configure the network (cloud-init.network-config)' },
];

export const refusedSystemFlags: readonly FlagSpec[] = [
  ...refusedFlags,
  ...appFlags.map(({ name, kind }) => refuse(name, 'it is for app containers: a machine has its own of all these', kind)),
];
