import type { CommandSpec, FlagSpec } from '../arguments/spec.ts';
import { projectFlags } from './compose.ts';
import { refuse } from './refused.ts';

const many = Number.POSITIVE_INFINITY;

interface Given extends Omit<CommandSpec, 'name' | 'usage' | 'positionals'> {
  readonly name: string;
  readonly usage?: string;
  readonly min?: number;
  readonly max?: number;
}

function command({ name, usage = '[OPTIONS] [SERVICE...]', min = 0, max = many, flags, ...rest }: Given): CommandSpec {
  return { ...rest, name: `compose ${name}`, usage, flags: [...flags, ...projectFlags], positionals: { min, max } };
}

const made =
  (kind: FlagSpec['kind']) =>
  (name: string, help: string, short?: string): FlagSpec => ({ name, kind, help, ...(short === undefined ? {} : { short }) });
const [flag, text, list, integer] = [made('flag'), made('text'), made('list'), made('integer')];
const only = (name: string, what: string): FlagSpec => flag(name, `Print ${what}`);

const timeout = integer('timeout', 'Seconds before containers that are stopped are killed', 't');
const index = integer('index', 'Number of the container, where a service has several');
const dryRun = flag('dry-run', 'Only print the plan');

const pull: FlagSpec = { ...text('pull', 'When to pull: always, missing, never, build'), choices: ['always', 'missing', 'never', 'build'] };

const creating: readonly FlagSpec[] = [
  flag('build', 'Build images also where they are here'),
  flag('no-build', 'Never build'),
  pull,
  flag('quiet-pull', 'Pull without saying how far it is'),
  flag('force-recreate', 'Replace containers that have not changed, too'),
  flag('no-recreate', 'Keep containers that have changed'),
  flag('remove-orphans', 'Remove containers of services that the files no longer have'),
  list('scale', 'Number of containers of a service (SERVICE=NUMBER)'),
  flag('yes', 'Replace volumes whose settings have changed, and lose what they hold', 'y'),
  dryRun,
  timeout,
];

/** Projects of several containers. */
export const composeCommands: readonly CommandSpec[] = [
  command({
    name: 'up',
    aliases: ['up'],
    summary: 'Bring a project up: create and start what is missing, replace what has changed',
    flags: [
      ...creating,
      flag('detach', 'Do not show what containers say', 'd'),
      flag('wait', 'Wait until all are running, and healthy where they have a check; implies --detach'),
      integer('wait-timeout', 'Seconds that --wait waits at most'),
      flag('no-deps', 'Leave services alone that these depend on'),
      flag('no-start', 'Only create'),
      flag('renew-anon-volumes', 'Give containers that are replaced new volumes without a name', 'V'),
      flag('rollback-on-failure', 'Go back to what ran before when something fails'),
      flag('abort-on-container-exit', 'Stop all when one ends'),
      flag('abort-on-container-failure', 'Stop all when one fails'),
      text('exit-code-from', "Stop all when this service's container ends, and end with its code"),
      list('attach', 'Show only what these services say'),
      list('no-attach', 'Do not show what these services say'),
      flag('no-color', 'Without colours'),
      flag('no-log-prefix', 'Without names before the lines'),
      flag('timestamps', 'With the time of each line'),
      flag('watch', 'Bring files into containers as they change here, as watch does', 'w'),
      flag('always-recreate-deps', 'Replace also what the services named depend on'),
      flag('attach-dependencies', 'Show, and stop in the end, also services that those named depend on'),
      flag('menu', 'Only --menu=false: there is no menu'),
    ],
  }),
  command({
    name: 'down',
    aliases: ['down'],
    summary: 'Stop and remove containers and networks of a project',
    flags: [
      flag('volumes', 'Remove volumes of the files, too, and those without a name', 'v'),
      text('rmi', 'Remove images: local (those without a name in the files) or all'),
      flag('remove-orphans', 'Remove containers of services that the files no longer have'),
      timeout,
      dryRun,
    ],
  }),
  command({ name: 'create', summary: 'Create what is missing without starting it', flags: creating }),
  command({
    name: 'scale',
    summary: 'Change the number of containers of services',
    usage: '[OPTIONS] SERVICE=NUMBER...',
    min: 1,
    flags: [flag('no-deps', 'Leave services alone that these depend on'), dryRun, timeout],
  }),
  command({ name: 'start', summary: 'Start containers that are stopped', flags: [] }),
  command({ name: 'stop', summary: 'Stop containers without removing them', flags: [timeout] }),
  command({
    name: 'restart',
    summary: 'Restart containers',
    flags: [timeout, flag('no-deps', 'Not what is to be restarted with them')],
  }),
  command({
    name: 'kill',
    summary: 'Send a signal to containers',
    flags: [
      text('signal', 'The signal (default KILL)', 's'),
      refuse('remove-orphans', 'orlop compose up or down removes them with --remove-orphans', 'flag'),
    ],
  }),
  command({ name: 'pause', summary: 'Freeze containers', flags: [] }),
  command({ name: 'unpause', summary: 'Let frozen containers go on', flags: [] }),
  command({
    name: 'rm',
    summary: 'Remove containers that are stopped',
    flags: [
      flag('force', 'Do not ask', 'f'),
      flag('stop', 'Stop them before', 's'),
      flag('volumes', 'Remove their volumes without a name, too', 'v'),
      timeout,
    ],
  }),
  command({
    name: 'wait',
    summary: 'Wait until containers have ended; tells their exit codes',
    usage: '[OPTIONS] SERVICE...',
    min: 1,
    flags: [flag('down-project', 'Take the project down then'), timeout],
  }),
  command({
    name: 'ps',
    summary: 'List containers',
    flags: [
      flag('all', 'Also those that are stopped, and one-off ones', 'a'),
      flag('quiet', 'Print ids only', 'q'),
      only('services', 'names of services'),
      list('status', 'Only containers in this state'),
      list('filter', 'Only containers that fit (status=exited)'),
      text('format', 'table, json, or a template such as {{.Name}}'),
      flag('no-trunc', 'Print whole ids and commands'),
      flag('orphans', 'Also containers of services that the files no longer have (default true)'),
    ],
  }),
  command({
    name: 'ls',
    summary: 'List projects',
    usage: '[OPTIONS]',
    max: 0,
    flags: [
      flag('all', 'Also projects of which nothing runs', 'a'),
      flag('quiet', 'Print names only', 'q'),
      list('filter', 'Only projects whose name has this in it (name=TEXT)'),
      text('format', 'table, json, or a template such as {{.Name}}'),
    ],
  }),
  command({
    name: 'images',
    summary: 'List images that containers were made of',
    flags: [flag('quiet', 'Print ids only', 'q'), text('format', 'table, json, or a template such as {{.Repository}}')],
  }),
  command({
    name: 'logs',
    summary: 'Show what containers have said',
    flags: [
      flag('follow', 'Go on as they say more', 'f'),
      text('tail', 'Only this many lines at the end of each (default all)', 'n'),
      text('since', 'Only since then (a time, or 42m)'),
      text('until', 'Only until then (a time, or 42m)'),
      flag('timestamps', 'With the time of each line', 't'),
      flag('no-color', 'Without colours'),
      flag('no-log-prefix', 'Without names before the lines'),
      index,
    ],
  }),
  command({
    name: 'exec',
    summary: "Run a command in a service's container",
    usage: '[OPTIONS] SERVICE COMMAND [ARG...]',
    min: 2,
    stopsAtPositional: true,
    flags: [
      flag('detach', 'Run in the background', 'd'),
      list('env', 'Set environment variables', 'e'),
      flag('privileged', 'Give extended privileges'),
      flag('no-tty', 'Without a terminal', 'T'),
      text('user', 'User of the process', 'u'),
      text('workdir', 'Working directory inside the container', 'w'),
      flag('interactive', 'Keep STDIN open, as always', 'i'),
      index,
    ],
  }),
  command({
    name: 'attach',
    summary: "Join the streams of a service's container",
    usage: '[OPTIONS] SERVICE',
    min: 1,
    max: 1,
    flags: [
      text('detach-keys', 'Keys that leave it'),
      flag('no-stdin', 'Do not attach STDIN'),
      text('sig-proxy', 'Pass signals on (default true)'),
      index,
    ],
  }),
  command({ name: 'top', summary: 'Show processes of containers', flags: [] }),
  command({
    name: 'stats',
    summary: 'Show what containers use',
    flags: [
      flag('all', 'Also those that are stopped', 'a'),
      flag('no-stream', 'Only once'),
      flag('no-trunc', 'Print whole ids'),
      text('format', 'table, json, or a template'),
    ],
  }),
  command({
    name: 'port',
    summary: 'Show where a port of a service is on the host',
    usage: '[OPTIONS] SERVICE PORT',
    min: 2,
    max: 2,
    flags: [{ ...text('protocol', 'tcp or udp (default tcp)'), choices: ['tcp', 'udp'] }, index],
  }),
  command({
    name: 'cp',
    summary: 'Copy files from or to a container of a service',
    usage: '[OPTIONS] SERVICE:PATH PATH|-',
    min: 2,
    max: 2,
    flags: [
      flag('archive', 'Keep owners', 'a'),
      flag('follow-link', 'Follow a link at the end of the source', 'L'),
      flag('all', 'Also into containers that were run once'),
      index,
    ],
  }),
  command({
    name: 'export',
    summary: "Write the root file system of a service's container to a tar archive",
    usage: '[OPTIONS] SERVICE',
    min: 1,
    max: 1,
    flags: [text('output', 'Write to a file instead of standard output', 'o'), index],
  }),
  command({
    name: 'commit',
    summary: "Make an image of the changes of a service's container",
    usage: '[OPTIONS] SERVICE [REPOSITORY[:TAG]]',
    min: 1,
    max: 2,
    flags: [
      text('author', 'Who made it', 'a'),
      list('change', 'Apply a Dockerfile instruction to the image', 'c'),
      text('message', 'Note for the history', 'm'),
      flag('pause', 'Pause the container meanwhile (default true)', 'p'),
      index,
    ],
  }),
  command({
    name: 'volumes',
    summary: 'List volumes of a project, or of some of its services',
    flags: [flag('quiet', 'Print names only', 'q'), text('format', 'table, json, or a template such as {{.Name}}')],
  }),
  command({
    name: 'build',
    summary: 'Build images of services',
    flags: [
      flag('no-cache', 'Do again what was done before'),
      flag('pull', 'Ask registries for newer base images'),
      flag('quiet', 'Print only ids', 'q'),
      flag('with-dependencies', 'Also those of services that these depend on'),
      list('build-arg', 'Value of an ARG (name=value)'),
      list('ssh', 'SSH agent for RUN --mount=type=ssh'),
      text('memory', 'Limit of memory of each step', 'm'),
      flag('push', 'Push the images to their registries then'),
      refuse('check', 'check a Dockerfile with orlop build --check', 'flag'),
      refuse('print', 'orlop compose config shows what would be built', 'flag'),
      refuse('builder', 'there is one builder: the engine itself'),
      ...['provenance', 'sbom'].map((name) => refuse(name, 'attestations are not made')),
    ],
  }),
  command({
    name: 'pull',
    summary: 'Pull images of services',
    flags: [
      flag('quiet', 'Without saying how far it is', 'q'),
      flag('include-deps', 'Also those of services that these depend on'),
      flag('ignore-buildable', 'Not images that can be built'),
      flag('ignore-pull-failures', 'Go on when one cannot be pulled'),
      { ...text('policy', 'missing or always (default always)'), choices: ['missing', 'always'] },
    ],
  }),
  command({
    name: 'push',
    summary: 'Push images of services that are built',
    flags: [
      flag('quiet', 'Without saying how far it is', 'q'),
      flag('include-deps', 'Also those of services that these depend on'),
      flag('ignore-push-failures', 'Go on when one cannot be pushed'),
    ],
  }),
  command({
    name: 'config',
    summary: 'Show the project as it was understood',
    flags: [
      { name: 'format', kind: 'text', help: 'yaml or json (default yaml)', choices: ['yaml', 'json'] },
      { name: 'output', short: 'o', kind: 'text', help: 'Write to this file' },
      { name: 'quiet', short: 'q', kind: 'flag', help: 'Only check' },
      { name: 'hash', kind: 'text', help: 'Print the hashes of these services (* for all)' },
      only('services', 'names of services'),
      only('volumes', 'names of volumes'),
      only('networks', 'names of networks'),
      only('models', 'names of models'),
      only('profiles', 'names of profiles'),
      only('images', 'names of images'),
      only('environment', 'the variables that interpolation sees'),
      { name: 'no-interpolate', kind: 'flag', help: 'Leave variables as they are' },
      { name: 'no-normalize', kind: 'flag', help: 'Leave out what is only implied' },
      { name: 'no-path-resolution', kind: 'flag', help: 'Leave relative paths as they are' },
      { name: 'no-env-resolution', kind: 'flag', help: 'Leave files of variables unread' },
      { name: 'no-consistency', kind: 'flag', help: 'Do not check what belongs together' },
      only('variables', 'the variables in the files, with defaults'),
      refuse('resolve-image-digests', 'orlop image inspect shows digests', 'flag'),
      refuse('lock-image-digests', 'orlop image inspect shows digests', 'flag'),
    ],
  }),
  command({
    name: 'run',
    summary: 'Run a command in a container of its own, made as those of a service',
    usage: '[OPTIONS] SERVICE [COMMAND] [ARG...]',
    min: 1,
    stopsAtPositional: true,
    flags: [
      flag('detach', 'Run in the background and print the id', 'd'),
      flag('rm', 'Remove the container at its end'),
      list('env', 'Set environment variables', 'e'),
      list('label', 'Set metadata (key=value)', 'l'),
      list('env-from-file', 'Read environment variables from files'),
      list('volume', 'Mount a directory or a volume (source:target)', 'v'),
      { name: 'volumes', kind: 'list', help: '', aliasOf: 'volume' },
      list('publish', 'Publish a port (8080:80)', 'p'),
      flag('service-ports', 'Publish the ports of the service, too', 'P'),
      list('cap-add', 'Give a capability'),
      list('cap-drop', 'Take a capability away'),
      flag('use-aliases', "Be found under the service's name"),
      flag('no-deps', 'Do not start services that this depends on'),
      flag('remove-orphans', 'Remove containers of services that the files no longer have'),
      flag('no-tty', 'Without a terminal', 'T'),
      { name: 'no-TTY', kind: 'flag', help: '', aliasOf: 'no-tty' },
      flag('interactive', 'Keep STDIN open (default true)', 'i'),
      text('entrypoint', 'The program, in place of the entrypoint'),
      text('user', 'User of the process', 'u'),
      text('workdir', 'Working directory inside the container', 'w'),
      text('name', 'Name of the container'),
      text('detach-keys', 'Keys that leave it'),
      flag('build', 'Build the image before'),
      flag('quiet-build', 'Build without saying how far it is'),
      pull,
      flag('quiet-pull', 'Pull without saying how far it is'),
      flag('quiet', 'Do not say what is done before', 'q'),
    ],
  }),
  command({
    name: 'watch',
    summary: 'Bring files into containers, or build them anew, as files change here',
    flags: [flag('no-up', 'Do not bring the project up before'), flag('quiet', 'Do not show builds')],
  }),
  command({
    name: 'events',
    summary: 'Show what happens to containers of a project',
    flags: [text('since', 'From then on'), text('until', 'Until then')],
  }),
  command({
    name: 'version',
    summary: 'Print the version',
    usage: '[OPTIONS]',
    max: 0,
    flags: [flag('short', 'Only the number'), text('format', 'text or json', 'f')],
  }),
];
