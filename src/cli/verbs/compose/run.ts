import { convergeUp, createOneOff, dropUnused, ensureImages, provideServices, readVariables, selectServices } from '#compose';
import { exitCodes } from '../../exit-codes.ts';
import type { Verb } from '../../invocation.ts';
import { write } from '../../io.ts';
import { readDetachKeys } from '../../values/detach-keys.ts';
import { parsePairs } from '../../values/pairs.ts';
import { runForeground } from '../foreground.ts';
import { imageSource } from './images.ts';
import { providerCaller } from './providers.ts';
import { stepReporter, warner } from './progress.ts';
import { readProject } from './project.ts';

/** `orlop compose run`: one more container of a service, for one command; what the service depends on is brought up before. */
export const composeRun: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const [name = '', ...command] = args.positionals;
  const wished = dropUnused(selectServices(await readProject(invocation, { named: [name] }), [name]));
  const project = await provideServices(wished, providerCaller(invocation, wished));
  const engine = await client();
  const quiet = args.flag('quiet') || args.flag('quiet-pull') || args.flag('quiet-build');
  const source = imageSource(invocation, project, { quiet });
  const { [name]: own = {}, ...others } = project.services;
  const reporting = { onStep: stepReporter({ io, args }, args.flag('quiet') || undefined), onWarning: warner(io) };
  // Networks and volumes are made in any case; the service itself is not started.
  const services = args.flag('no-deps') ? {} : others;
  await convergeUp(
    engine,
    { ...project, services, disabled: { ...project.disabled, ...project.services } },
    { ...reporting, images: {}, source, plan: { removeOrphans: args.flag('remove-orphans') } },
  );
  const images = await ensureImages(engine, { ...project, services: { [name]: own } }, source, {
    build: args.flag('build'),
    pull: args.text('pull'),
  });
  const detach = args.flag('detach');
  const terminal = !detach && !args.flag('no-tty') && io.stdin.isTTY && io.stdout.isTTY;
  const interactive = !detach && (!args.has('interactive') || args.flag('interactive'));
  const entrypoint = args.text('entrypoint');
  const id = await createOneOff(engine, project, name, images[name] ?? '', {
    command,
    ...(entrypoint === undefined ? {} : { entrypoint: entrypoint === '' ? [] : entrypoint.split(' ') }),
    environment: {
      ...(await readVariables(args.list('env-from-file'), project.environment)),
      ...Object.fromEntries(args.list('env').map((entry) => splitVariable(entry, project.environment))),
    },
    labels: parsePairs('label', args.list('label'), { bare: true }),
    user: args.text('user'),
    workingDirectory: args.text('workdir'),
    name: args.text('name'),
    capabilities: { added: args.list('cap-add'), dropped: args.list('cap-drop') },
    volumes: args.list('volume'),
    ports: args.list('publish'),
    servicePorts: args.flag('service-ports'),
    usesAliases: args.flag('use-aliases'),
    terminal,
    interactive,
    removed: args.flag('rm'),
  });
  if (detach) {
    await engine.containers.start(id);
    await write(io.stdout, `${id}\n`);
    return exitCodes.ok;
  }
  return runForeground(engine, io, {
    id,
    terminal,
    stdin: interactive,
    stdout: true,
    stderr: true,
    detachKeys: await readDetachKeys(args, io),
    signalProxy: true,
    autoRemove: args.flag('rm'),
    start: () => engine.containers.start(id),
  });
};

/** `A=b`, or `A` with the value that it has here. */
function splitVariable(entry: string, environment: Readonly<Record<string, string | undefined>>): [string, string | null] {
  const equals = entry.indexOf('=');
  return equals < 0 ? [entry, environment[entry] ?? null] : [entry.slice(0, equals), entry.slice(equals + 1)];
}
