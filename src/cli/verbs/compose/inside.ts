import { OrlopError } from '#errors';
import type { Arguments } from '../../arguments/parse.ts';
import { exitCodes } from '../../exit-codes.ts';
import type { Verb } from '../../invocation.ts';
import { write } from '../../io.ts';
import { printJson } from '../../render/json.ts';
import { formatTable } from '../../render/table.ts';
import { chooseContainers, chooseOne, chooseRunning } from './chosen.ts';
import { runVerb } from './images.ts';

function flagsOf(args: Arguments, names: readonly string[]): string[] {
  return names.flatMap((name) => (args.flag(name) ? [`--${name}`] : []));
}

function textsOf(args: Arguments, names: readonly string[]): string[] {
  return names.flatMap((name) => args.list(name).map((value) => `--${name}=${value}`));
}

/** `orlop compose exec` */
export const composeExec: Verb = async (invocation) => {
  const { args, io } = invocation;
  const [service = '', ...command] = args.positionals;
  const { id } = await chooseRunning(invocation, service);
  // As with Compose, there is a terminal unless it is refused or there is none here.
  const isTerminal = !args.flag('no-tty') && !args.flag('detach') && io.stdin.isTTY && io.stdout.isTTY;
  const streams = args.flag('detach') ? [] : ['--interactive', ...(isTerminal ? ['--tty'] : [])];
  return runVerb(invocation, [
    'exec',
    ...streams,
    ...flagsOf(args, ['detach', 'privileged']),
    ...textsOf(args, ['env', 'user', 'workdir']),
    id,
    ...command,
  ]);
};

/** `orlop compose attach` */
export const composeAttach: Verb = async (invocation) => {
  const { args } = invocation;
  const { id } = await chooseRunning(invocation, args.positionals[0] ?? '');
  return runVerb(invocation, ['attach', ...flagsOf(args, ['no-stdin']), ...textsOf(args, ['detach-keys', 'sig-proxy']), id]);
};

/** `orlop compose top`: one table of the processes of all. */
export const composeTop: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const { containers } = await chooseContainers(invocation);
  const engine = await client();
  const tops = await Promise.all(
    containers
      .filter(({ state }) => state === 'running')
      .map(async ({ id, name, service, number }) => ({ name, service, number, ...(await engine.containers.top(id)) })),
  );
  if (args.flag('json'))
    await printJson(
      io,
      tops.map(({ name, service, Titles, Processes }) => ({ Name: name, Service: service, Titles, Processes })),
    );
  else {
    const rows = tops.flatMap(({ service, number, Processes }) => Processes.map((process) => [service, String(number), ...process]));
    if (rows.length > 0) await write(io.stdout, formatTable([['SERVICE', '#', ...(tops[0]?.Titles ?? [])], ...rows], 0));
  }
  return exitCodes.ok;
};

/** `orlop compose stats` */
export const composeStats: Verb = async (invocation) => {
  const { args } = invocation;
  const { containers } = await chooseContainers(invocation);
  const refs = containers.filter(({ state }) => args.flag('all') || state === 'running').map(({ id }) => id);
  if (refs.length === 0) return exitCodes.ok;
  return runVerb(invocation, ['stats', ...flagsOf(args, ['no-stream', 'no-trunc']), ...textsOf(args, ['format']), ...refs]);
};

/** `orlop compose port`: where a port of a service is on the host. */
export const composePort: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const [service = '', port = ''] = args.positionals;
  const { id, name } = await chooseOne(invocation, service);
  const key = `${port}/${args.text('protocol') ?? 'tcp'}`;
  const { NetworkSettings } = await (await client()).containers.inspect(id);
  const [binding] = NetworkSettings.Ports[key] ?? [];
  if (binding === undefined) {
    const others = Object.entries(NetworkSettings.Ports).filter(([, bindings]) => (bindings ?? []).length > 0);
    const hint = others.length === 0 ? 'it publishes none' : `it publishes ${others.map(([other]) => other).join(', ')}`;
    throw new OrlopError('not-found', 'COMPOSE_NO_PORT', `no port ${key} for container ${name}`, { hint });
  }
  await write(io.stdout, `${binding.HostIp}:${binding.HostPort}\n`);
  return exitCodes.ok;
};

/** `orlop compose cp`: `SERVICE:PATH` on one side. What goes in goes into all containers of the service, unless one is named. */
export const composeCp: Verb = async (invocation) => {
  const { args } = invocation;
  const [from = '', to = ''] = args.positionals;
  const copy = (source: string, target: string): Promise<number> =>
    runVerb(invocation, ['cp', ...flagsOf(args, ['archive', 'follow-link']), source, target]);
  const source = parsePlace(from);
  if (source !== null) return copy(`${(await chooseOne(invocation, source.service)).id}:${source.path}`, to);
  const target = parsePlace(to);
  if (target === null) return copy(from, to);
  const { containers } = await chooseContainers(invocation, [target.service], { oneOff: args.flag('all') });
  const first = await chooseOne(invocation, target.service);
  // An archive on standard input is there once.
  const targets = from === '-' || containers.length === 0 ? [first] : containers;
  const codes: number[] = [];
  for (const { id } of targets) codes.push(await copy(from, `${id}:${target.path}`));
  return codes.find((code) => code !== exitCodes.ok) ?? exitCodes.ok;
};

function parsePlace(text: string): { readonly service: string; readonly path: string } | null {
  const [, service, path = ''] = /^([a-zA-Z0-9._-]+):(.*)$/s.exec(text) ?? [];
  return service === undefined ? null : { service, path };
}

/** `orlop compose export` */
export const composeExport: Verb = async (invocation) => {
  const { args } = invocation;
  const { id } = await chooseRunning(invocation, args.positionals[0] ?? '');
  return runVerb(invocation, ['export', ...textsOf(args, ['output']), id]);
};

/** `orlop compose commit` */
export const composeCommit: Verb = async (invocation) => {
  const { args } = invocation;
  const [service = '', ...image] = args.positionals;
  const { id } = await chooseOne(invocation, service);
  const pause = args.has('pause') ? [`--pause=${String(args.flag('pause'))}`] : [];
  return runVerb(invocation, ['commit', ...textsOf(args, ['author', 'change', 'message']), ...pause, id, ...image]);
};
