import { isOrlopError, OrlopError } from '#errors';
import { familiarReference, parseReference, withDefaultTag } from '#oci';
import type { Client } from '#client';
import type { Arguments } from '../arguments/parse.ts';
import { aside, type Io, write } from '../io.ts';

type Create = Client['containers']['create'];

/** Creates a container; its image is pulled before (`--pull always`) or when it is missing, unless `--pull never` forbids it. */
export async function createPulling(
  { engine, args, io }: { readonly engine: Client; readonly args: Arguments; readonly io: Io },
  ...[body, name]: Parameters<Create>
): ReturnType<Create> {
  const policy = args.text('pull') ?? 'missing';
  const image = body.Image ?? '';
  const quiet = args.flag('quiet');
  const platform = args.text('platform') ?? (io.env['DOCKER_DEFAULT_PLATFORM'] || undefined);
  if (policy === 'always') await (await loadPull())(engine, aside(io), image, { quiet, platform });
  try {
    return await engine.containers.create(body, name, platform);
  } catch (error) {
    if (policy !== 'missing' || !isOrlopError(error, 'not-found') || error.code !== 'IMAGE_NOT_FOUND' || !isName(image)) throw error;
    const wanted = familiarReference(withDefaultTag(parseReference(image)));
    if (!quiet) await write(io.stderr, `Unable to find image '${wanted}' locally\n`);
    const pullImage = await loadPull();
    await pullImage(engine, aside(io), image, { quiet, platform }).catch((failure: unknown) => {
      throw explain(failure, error);
    });
    return engine.containers.create(body, name, platform);
  }
}

/** Loaded when it is needed: most containers are made of what is here. */
async function loadPull(): Promise<typeof import('./pull.ts').pullImage> {
  return (await import('./pull.ts')).pullImage;
}

/** An image that can be made here need not come from a registry: the engine's hint says how. */
function explain(failure: unknown, missing: OrlopError): unknown {
  if (!isOrlopError(failure) || missing.hint === undefined || !missing.hint.startsWith('make it with')) return failure;
  return new OrlopError(failure.kind, failure.code, failure.message, { hint: missing.hint, cause: failure });
}

/** Ids of images are no names that a registry knows. */
function isName(image: string): boolean {
  return !/^(?:sha256:)?[0-9a-f]{12,64}$/.test(image);
}
