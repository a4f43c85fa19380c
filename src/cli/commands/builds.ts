import type { CommandSpec, FlagSpec } from '../arguments/spec.ts';
import { refuse } from './refused.ts';

const oneBuilder = 'there is one builder: the engine itself';
const attestations = 'attestations are not made; what went into an image is in orlop history and orlop build history';
const format: FlagSpec = { name: 'format', kind: 'text', help: 'table, json, or a template such as {{.ID}}' };
const force: FlagSpec = { name: 'force', short: 'f', kind: 'flag', help: 'Do not ask' };
const quiet: FlagSpec = { name: 'quiet', short: 'q', kind: 'flag', help: 'Print ids only' };

const buildFlags: readonly FlagSpec[] = [
  {
    name: 'file',
    short: 'f',
    kind: 'text',
    value: 'file',
    help: 'The Dockerfile (default PATH/Dockerfile); - reads it from standard input',
  },
  { name: 'tag', short: 't', kind: 'list', value: 'name', help: 'Name of the image (name[:tag])' },
  { name: 'build-arg', kind: 'list', help: 'Value of an ARG (name=value; a bare name takes it from the environment)' },
  {
    name: 'build-context',
    kind: 'list',
    help: 'Further files or another image under a name (name=directory, name=docker-image://image, name=URL)',
  },
  { name: 'label', kind: 'list', help: 'Label of the image (name=value)' },
  { name: 'target', kind: 'text', help: 'Build this stage' },
  { name: 'platform', kind: 'text', help: 'For another processor (os/arch[/variant])' },
  { name: 'no-cache', kind: 'flag', help: 'Do again what was done before' },
  { name: 'pull', kind: 'flag', help: 'Ask registries for newer base images' },
  { name: 'secret', kind: 'list', help: 'Secret for RUN --mount=type=secret (id=name[,src=file|,env=VARIABLE])' },
  { name: 'ssh', kind: 'list', help: 'SSH agent for RUN --mount=type=ssh (default, or id=socket)' },
  { name: 'squash', kind: 'flag', help: 'Merge what was built into one layer' },
  {
    name: 'output',
    short: 'o',
    kind: 'list',
    help: 'What becomes of the result: a directory, -, or type=image|docker|oci|tar|local[,dest=path]',
  },
  { name: 'iidfile', kind: 'text', value: 'file', help: "Write the image's id to a file" },
  { name: 'metadata-file', kind: 'text', value: 'file', help: 'Write what the build came to, as JSON, to a file' },
  { name: 'progress', kind: 'text', help: 'How to show what happens', choices: ['auto', 'plain', 'tty', 'rawjson', 'quiet'] },
  { name: 'check', kind: 'flag', help: 'Only check the Dockerfile' },
  {
    name: 'call',
    kind: 'text',
    help: 'build, check, targets (what can be built) or outline (what it takes)',
    choices: ['build', 'check', 'targets', 'outline'],
  },
  { name: 'on-error', kind: 'text', help: 'shell opens one where a step failed', choices: ['shell'] },
  { name: 'allow', kind: 'list', help: 'Allow steps security.insecure or network.host' },
  { name: 'quiet', short: 'q', kind: 'flag', help: 'Print only the id' },
  { name: 'network', kind: 'text', help: 'Network of RUN steps (default bridge)' },
  { name: 'add-host', kind: 'list', help: 'Line for /etc/hosts (name:address)' },
  { name: 'dns', kind: 'list', help: 'Name server of RUN steps' },
  { name: 'memory', short: 'm', kind: 'text', help: 'Limit of memory of each step' },
  { name: 'memory-swap', kind: 'text', help: 'Limit of memory and swap together; -1 unlimited' },
  { name: 'cpus', kind: 'text', help: 'Number of CPUs' },
  { name: 'cpu-shares', short: 'c', kind: 'integer', help: 'Weight among containers' },
  { name: 'cpu-quota', kind: 'integer', help: 'Microseconds of CPU in each period' },
  { name: 'cpu-period', kind: 'integer', help: 'Length of a period in microseconds' },
  { name: 'cpuset-cpus', kind: 'text', help: 'CPUs to run on (0-3, 0,1)' },
  { name: 'cpuset-mems', kind: 'text', help: 'Memory nodes to use' },
  { name: 'shm-size', kind: 'text', help: 'Size of /dev/shm' },
  { name: 'ulimit', kind: 'list', help: 'Limit of a resource (name=soft[:hard])' },
  { name: 'no-cache-filter', kind: 'list', help: 'Do the steps of these stages again' },
  { name: 'cache-from', kind: 'list', help: 'Find steps there, too (REF, type=registry,ref=…, type=local,src=…)' },
  { name: 'cache-to', kind: 'list', help: 'Leave what steps made there (type=registry,ref=…, type=local,dest=…, type=inline)' },
  { name: 'push', kind: 'flag', help: 'Push the image to the registries of its names' },
  { name: 'load', kind: 'flag', help: 'Keep the image in this engine, as always' },
  { name: 'rm', kind: 'flag', help: 'Remove containers of steps, as always' },
  { name: 'force-rm', kind: 'flag', help: 'Also those of failed steps, as always' },
  { name: 'compress', kind: 'flag', help: 'No effect: files go to the engine as they are' },
  { name: 'disable-content-trust', kind: 'flag', help: 'No effect: images are pulled by digest and not by signature' },
  { name: 'isolation', kind: 'text', help: 'Isolation technology (default)', choices: ['default'] },
  refuse(
    'security-opt',
    'steps run as isolated as containers do; --allow security.insecure gives a RUN --security=insecure all rights',
    'list',
  ),
  refuse('cgroup-parent', 'limit steps with --memory, --cpus and --cpuset-cpus'),
  refuse('builder', oneBuilder),
  refuse('sbom', attestations),
  refuse('provenance', attestations),
  refuse('attest', attestations, 'list'),
  refuse('annotation', 'labels are kept with images: --label', 'list'),
];

/** Images from Dockerfiles, and what builds keep. */
export const buildCommands: readonly CommandSpec[] = [
  {
    name: 'build',
    aliases: ['builder build', 'buildx build'],
    summary: 'Build an image from a Dockerfile',
    usage: '[OPTIONS] PATH|URL|-',
    flags: buildFlags,
    positionals: { min: 1, max: 1 },
  },
  {
    name: 'build history',
    summary: 'Show builds and how long their steps took',
    usage: '[OPTIONS] [BUILD...]',
    flags: [
      format,
      quiet,
      { name: 'no-trunc', kind: 'flag', help: 'Print whole ids' },
      { name: 'clear', kind: 'flag', help: 'Forget them; images stay' },
    ],
    positionals: { min: 0, max: Number.POSITIVE_INFINITY },
  },
  {
    name: 'build cache',
    summary: 'Show, save and fill what builds keep: results of steps, and caches that steps mount',
    usage: 'ls [OPTIONS]\n       orlop build cache export|import [OPTIONS] ID',
    flags: [
      format,
      quiet,
      { name: 'mounts', kind: 'flag', help: 'ls: only caches that steps mount' },
      { name: 'output', short: 'o', kind: 'text', value: 'file', help: 'export: write to a file instead of standard output' },
      { name: 'input', short: 'i', kind: 'text', value: 'file', help: 'import: read from a file instead of standard input' },
    ],
    positionals: { min: 1, max: 2 },
  },
  {
    name: 'builder prune',
    aliases: ['buildx prune'],
    summary: 'Remove what builds keep',
    usage: '[OPTIONS]',
    flags: [
      { name: 'all', short: 'a', kind: 'flag', help: 'Also what images need: the next build begins anew' },
      force,
      { name: 'filter', kind: 'list', help: 'Only what fits (until=24h, id=…, type=exec.cachemount, type=source.local)' },
      { name: 'keep-storage', kind: 'text', help: 'As much may stay, the most recently used' },
    ],
    positionals: { min: 0, max: 0 },
  },
];
