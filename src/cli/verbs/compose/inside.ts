import { OrlopError } from '#errors';
import type { Arguments } from '../../arguments/parse.ts';
import { exitCodes } from '../../exit-codes.ts';
import type { Verb } from '../../invocation.ts';
import { write } from '../../io.ts';
import { chooseContainers, chooseOne } from './chosen.ts';
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
  const { id } = await chooseOne(invocation, service);
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
  const { id } = await chooseOne(invocation, args.positionals[0] ?? '');
  return runVerb(invocation, ['attach', ...flagsOf(args, ['no-stdin']), ...textsOf(args, ['detach-keys', 'sig-proxy']), id]);
};

/** `orlop compose top` */
export const composeTop: Verb = async (invocation) => {
  const { containers } = await chooseContainers(invocation);
  for (const { id, name } of containers.filter(({ state }) => state === 'running')) {
    await write(invocation.io.stdout, `${name}\n`);
    await runVerb(invocation, ['top', id]);
    await write(invocation.io.stdout, '\n');
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
  if (binding === undefined) throw new OrlopError('not-found', 'COMPOSE_NO_PORT', `no port ${key} for container ${name}`);
  await write(io.stdout, `${binding.HostIp}:${binding.HostPort}\n`);
  return exitCodes.ok;
};

/** `orlop compose cp`: `SERVICE:PATH` on one side. */
export const composeCp: Verb = async (invocation) => {
  const { args } = invocation;
  const places = await Promise.all(
    args.positionals.map(async (place) => {
      const [, service, path] = /^([a-zA-Z0-9._-]+):(.*)$/s.exec(place) ?? [];
      return service === undefined ? place : `${(await chooseOne(invocation, service)).id}:${path ?? ''}`;
    }),
  );
  return runVerb(invocation, ['cp', ...flagsOf(args, ['archive', 'follow-link']), ...places]);
};

/** `orlop compose export` */
export const composeExport: Verb = async (invocation) => {
  const { args } = invocation;
  const { id } = await chooseOne(invocation, args.positionals[0] ?? '');
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
