import { OrlopError } from '#errors';
import type { DockerPortBinding } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { joinHostPort } from '../render/ports.ts';
import { parsePrivatePort } from '../values/ports.ts';

/** `80/tcp -> 0.0.0.0:8080` for each published port, or the places of one. */
export const port: Verb = async ({ args, io, client }) => {
  const [ref = '', asked] = args.positionals;
  const wanted = asked === undefined ? null : parsePrivatePort(asked);
  const { NetworkSettings: settings } = await (await client()).containers.inspect(ref);
  if (args.flag('json')) {
    await printJson(io, wanted === null ? settings.Ports : { [wanted]: settings.Ports[wanted] ?? null });
    return exitCodes.ok;
  }
  const placesOf = (bindings: readonly DockerPortBinding[] | null | undefined): string[] =>
    (bindings ?? []).map(({ HostIp, HostPort }) => joinHostPort(HostIp, HostPort));
  if (wanted !== null) {
    const places = placesOf(settings.Ports[wanted]);
    if (places.length === 0) {
      throw new OrlopError('not-found', 'CLI_PORT_NOT_PUBLISHED', `No public port '${asked}' published for ${ref}`, {
        hint: `publish it with: orlop update --publish-add ${wanted} ${ref}`,
      });
    }
    await write(io.stdout, places.map((place) => `${place}\n`).join(''));
    return exitCodes.ok;
  }
  const lines = Object.entries(settings.Ports).flatMap(([inside, bindings]) =>
    placesOf(bindings).map((place) => `${inside} -> ${place}\n`),
  );
  await write(io.stdout, lines.toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)).join(''));
  return exitCodes.ok;
};
