import { OrlopError } from '#errors';
import type { Client } from '#client';
import { nearestWord } from './arguments/nearest.ts';

const listContainers = async (engine: Client): Promise<string[]> =>
  (await engine.containers.list({ all: true })).flatMap(({ Names: names }) => names.map((name) => name.replace(/^\//, '')));
const listImages = async (engine: Client): Promise<string[]> =>
  (await engine.images.list()).flatMap(({ RepoTags: names }) => names.flatMap((name) => [name, name.replace(/:latest$/, '')]));
const listNetworks = async (engine: Client): Promise<string[]> => (await engine.networks.list()).map(({ Name }) => Name);
const listVolumes = async (engine: Client): Promise<string[]> => (await engine.volumes.list()).map(({ Name }) => Name);

/** What is there of the kind that was not found, by the error's code. */
const listings: Readonly<Record<string, (engine: Client) => Promise<string[]>>> = {
  ENGINE_CONTAINER_NOT_FOUND: listContainers,
  IMAGE_NOT_FOUND: listImages,
  NETWORK_NOT_FOUND: listNetworks,
  VOLUME_NOT_FOUND: listVolumes,
  PROFILE_NOT_FOUND: async (engine) => (await engine.profiles.list()).map(({ name }) => name),
  CLI_NO_SUCH_OBJECT: async (engine) => {
    const lists = await Promise.allSettled([listContainers, listImages, listNetworks, listVolumes].map((list) => list(engine)));
    return lists.flatMap((list) => (list.status === 'fulfilled' ? list.value : []));
  },
};

/** Asks, in the hint of an error about a name that is not there, for the name that was probably meant. Any other error is as it was. */
export async function suggestName(error: OrlopError, engine: Client, refs: readonly string[]): Promise<OrlopError> {
  const list = listings[error.code];
  const missing = refs.find((ref) => ref !== '' && error.message.includes(ref));
  if (list === undefined || missing === undefined) return error;
  let meant: string | undefined;
  try {
    meant = nearestWord(missing, await list(engine));
  } catch {
    // An engine that cannot say has nothing to add to the error that it gave.
  }
  if (meant === undefined || meant === missing) return error;
  const hint = `did you mean ${JSON.stringify(meant)}?${error.hint === undefined ? '' : ` If not, ${error.hint}`}`;
  return new OrlopError(error.kind, error.code, error.message, { hint, cause: error });
}
