import { convergeUp, selectServices } from '#compose';
import { exitCodes } from '../../exit-codes.ts';
import type { Verb } from '../../invocation.ts';
import { chooseContainers } from './chosen.ts';
import { imageSource } from './images.ts';
import { stepReporter, warner } from './progress.ts';

/** `orlop compose start`: the containers that there are, in the order of what they depend on; none is made or replaced. */
export const composeStart: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const { project, containers } = await chooseContainers(invocation);
  const chosen = selectServices(project, args.positionals);
  const count = (name: string): number => containers.filter(({ service }) => service === name).length;
  const there = Object.keys(chosen.services).filter((name) => count(name) > 0);
  const services = Object.fromEntries(there.map((name) => [name, chosen.services[name] ?? {}]));
  await convergeUp(
    await client(),
    { ...chosen, services, networks: {}, volumes: {} },
    {
      images: { neverBuild: true, pull: 'never' },
      source: imageSource(invocation, project),
      plan: { noRecreate: true, scale: Object.fromEntries(there.map((name) => [name, count(name)])) },
      onStep: stepReporter(io),
      onWarning: warner(io),
    },
  );
  return exitCodes.ok;
};
