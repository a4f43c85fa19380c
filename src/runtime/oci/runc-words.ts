import type { OrlopError } from '#errors';

export interface RuncWords {
  readonly text: string;
  /** Said on standard error as it stands, without a log line: the program itself could not be executed any more. */
  readonly bare: boolean;
}

/**
 * The message of an error as runc puts it. Engines above look into these words to tell what happened (containerd for "container does not exist", Docker
 * for "executable file not found"), so the command line speaks them; errors that runc does not have keep their own.
 */
export function inRuncsWords(error: OrlopError): RuncWords {
  const words = table[error.code];
  const text = words === undefined ? error.message : typeof words === 'string' ? words : words(error.details ?? {}, error);
  return { text, bare: error.code === 'RUNTIME_EXECVE' };
}

const initializing = 'unable to start container process: error during container init: ';

type Details = Readonly<Record<string, unknown>>;
type Words = string | ((details: Details, error: OrlopError) => string);

const table: Readonly<Record<string, Words>> = {
  RUNTIME_CONTAINER_UNKNOWN: 'container does not exist',
  RUNTIME_CONTAINER_EXISTS: 'container with given ID already exists',
  RUNTIME_ID: ({ id }) => (id === '' ? 'container id cannot be empty' : 'invalid container ID format'),
  RUNTIME_CGROUP_IN_USE: ({ count }) => `container's cgroup is not empty: ${String(count)} process(es) found`,
  RUNTIME_CGROUP_FROZEN: "container's cgroup unexpectedly frozen",
  RUNTIME_RESOURCE_UNSUPPORTED: (_details, { message }) =>
    /\.unified\..* does not use cgroup v2$/.test(message) ? 'invalid configuration: cannot use unified on cgroup v1' : message,
  RUNTIME_NOT_RUNNING: 'container not running',
  RUNTIME_WRONG_STATE: wrongState,
  RUNTIME_ROOT_MISSING: ({ path }) => `invalid rootfs: stat ${String(path)}: no such file or directory`,
  RUNTIME_NAMESPACE_MISSING: ({ path }) =>
    `unable to create new parent process: namespace path: lstat ${String(path)}: no such file or directory`,
  OCI_BAD_JSON: (_details, error) => badField(error),
  RUNTIME_SPEC_INVALID: (_details, { message }) => badValue(message),
  RUNTIME_SPEC_UNSUPPORTED: ({ path }, { message }) =>
    path === 'process.selinuxLabel' ? 'selinux label is specified in config, but selinux is disabled or not supported' : badValue(message),
  RUNTIME_MOUNT_OPTIONS: (_details, { message }) => `${initializing}${message}`,
  RUNTIME_MOUNT_LOCKED: ({ source, destination }) =>
    `${initializing}error mounting ${JSON.stringify(source)} to rootfs at ${JSON.stringify(destination)}: mount ${String(source)}:${String(destination)}: operation not permitted`,
  RUNTIME_MOUNT_SOURCE: ({ source, destination }, { message }) =>
    `${initializing}${
      typeof source !== 'string'
        ? message
        : `error mounting ${JSON.stringify(source)} to rootfs at ${JSON.stringify(destination)}: stat ${source}: no such file or directory`
    }`,
};

/** What the parser of config.json refuses, where runc has a sentence for it: the field, and the words for the value that was found. */
const fields: readonly (readonly [RegExp, (found: string) => string])[] = [
  [/linux\.namespaces\[\d+\]\.type$/, (found) => `namespace {${found} ""} does not exist`],
  [/linux\.rootfsPropagation$/, (found) => `rootfsPropagation=${JSON.parse(found)} is not supported`],
  [/linux\.seccomp\..*(?:defaultAction|action)$/i, (found) => `string ${JSON.parse(found)} is not a valid action for seccomp`],
  [/linux\.seccomp\.architectures\[\d+\]$/, (found) => `string ${JSON.parse(found)} is not a valid arch for seccomp`],
  [/linux\.seccomp\..*\.op$/, (found) => `string ${JSON.parse(found)} is not a valid operator for seccomp`],
  [/linux\.devices\[\d+\]\.type$/, (found) => `invalid device type ${found}`],
  [/process\.cwd$/, () => 'Cwd property must not be empty'],
];

/** What the plan refuses, where runc has a sentence for it, made of what the expression found. */
const values: readonly (readonly [RegExp, (found: string) => string])[] = [
  [/process\.rlimits\[\d+\]\.type "(.*)" is no resource$/, (type) => `wrong rlimit value: ${type}`],
  [
    /mounts\[\d+\]\.destination (".*") lies inside \/proc$/,
    (target) => `${initializing}error mounting to rootfs at ${target}: ${target} cannot be mounted because it is inside /proc`,
  ],
  [
    /mounts\[\d+\]\.destination (".*") takes a file system of type proc alone$/,
    (target) => `${initializing}error mounting to rootfs at ${target}: ${target} cannot be mounted because it is not of type proc`,
  ],
  [
    /mounts\[\d+\]\.uidMappings and gidMappings come together$/,
    () => 'invalid mount: id-mapped mounts must have both uid and gid mappings specified',
  ],
  [/mounts\[\d+\]\..* only bind mounts can map ids$/, () => 'invalid mount: id-mapped mounts are only supported for bind-mounts'],
  [/linux\.memoryPolicy\.mode (".*") is no memory policy$/, (mode) => `invalid memory policy mode ${mode}`],
  [/linux\.memoryPolicy\.flags\[\d+\] (".*") is no flag$/, (flag) => `invalid memory policy flag ${flag}`],
  [/linux\.memoryPolicy\.nodes (".*") is no list of memory nodes$/, (nodes) => `invalid memory policy node ${nodes}`],
  [/linux\.memoryPolicy\.(?:flags|nodes) (?:cannot|is needed)/, () => `${initializing}set_mempolicy: invalid argument`],
  [/process\.scheduler\.nice (-?\d+) is not between/, (nice) => `invalid scheduler.nice: ${nice}`],
  [/process\.scheduler\.priority is for/, () => 'scheduler.priority can only be specified for SchedFIFO or SchedRR policy'],
  [/process\.scheduler\.runtime and deadline/, () => 'scheduler runtime/deadline/period can only be specified for SchedDeadline policy'],
  [/process\.ioPriority\.priority (-?\d+) is not between/, (level) => `invalid ioPriority.Priority: ${level}`],
  [
    /linux\.timeOffsets needs a new time namespace$/,
    () => "time namespace offsets specified, but time namespace isn't enabled in the config",
  ],
  [/linux\.netDevices needs an own network namespace$/, () => 'unable to move network devices without a NET namespace'],
];

function badValue(message: string): string {
  for (const [pattern, words] of values) {
    const found = pattern.exec(message);
    if (found !== null) return words(found[1] ?? '');
  }
  return message;
}

function badField({ message }: OrlopError): string {
  const [, path = '', found = ''] = /^(\S+): expected .*, found ("(?:[^"\\]|\\.)*"|nothing)$/.exec(message) ?? [];
  const words = fields.find(([field]) => field.test(path))?.[1];
  return words === undefined || (found === 'nothing' && !path.endsWith('cwd')) ? message : words(found);
}

function wrongState({ action, status, id }: Details): string {
  const now = String(status);
  switch (action) {
    case 'start':
      if (now === 'stopped') return 'cannot start a container that has stopped';
      return now === 'running' ? 'cannot start an already running container' : `cannot start a container in the ${now} state`;
    case 'exec':
      return now === 'paused'
        ? 'cannot exec in a paused container (use --ignore-paused to override)'
        : 'cannot exec in a stopped container';
    case 'resume':
      return 'container not paused';
    case 'events':
      return `container with id ${String(id)} is not running`;
    case 'checkpoint':
      return `Container cannot be checkpointed in ${now} state`;
    case 'delete':
      return `cannot delete container ${String(id)} that is not stopped: ${now}`;
    default:
      return 'container not running';
  }
}
