import type { Exchange, Route } from '#api/http';
import { OrlopError } from '#errors';
import { formatReference, parseReference } from '#oci';
import type { DockerAuth, DockerDistribution } from '#wire';
import type { ImageBackend } from '../images/backend.ts';
import { platformOf } from '../images/platform.ts';
import { search } from './search.ts';
import { importImage, joinTag } from '../images/routes.ts';
import type { RegistryBackend } from './backend.ts';
import { loginOf, loginOfBody, registryOf } from './login.ts';
import { openProgress } from './progress.ts';
import { pull } from './pull.ts';

/** All that speaks to registries: pull, push, `/auth`, `/distribution`. An import is a pull's neighbour: both create an image. */
export function registryRoutes(backend: RegistryBackend & ImageBackend): Route[] {
  return [
    { method: 'POST', path: '/images/create', handle: (exchange) => create(backend, exchange) },
    { method: 'POST', path: '/images/{name...}/push', handle: (exchange) => push(backend, exchange) },
    { method: 'GET', path: '/images/search', handle: (exchange) => search(backend, exchange) },
    { method: 'POST', path: '/auth', handle: (exchange) => authenticate(backend, exchange) },
    { method: 'GET', path: '/distribution/{name...}/json', handle: (exchange) => inspect(backend, exchange) },
  ];
}

/** `POST /images/create`: a pull with `fromImage`, else an import. */
function create(backend: RegistryBackend & ImageBackend, exchange: Exchange): Promise<void> {
  return exchange.query.has('fromImage') ? pull(backend, exchange) : importImage(backend, exchange);
}

/** `POST /images/{name}/push`: one tag, or without `tag` all that the repository has here. */
async function push(backend: RegistryBackend & ImageBackend, exchange: Exchange): Promise<void> {
  const platform = platformOf(exchange);
  const { domain, path } = parseReference(joinTag(exchange.parameters['name'] ?? '', exchange.query.text('tag')));
  const progress = openProgress(exchange);
  progress.send({ status: `The push refers to repository [${domain}/${path}]` });
  await progress.run(async () => {
    for (const name of namesToPush(backend, exchange)) {
      const step = progress.step;
      const { tag, digest, sizeBytes } = await backend.registries.push(name, {
        ...loginOf(exchange),
        ...platform,
        signal: exchange.signal,
        progress: step,
      });
      progress.send({ status: `${tag}: digest: ${digest} size: ${sizeBytes}` });
      progress.send({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: sizeBytes } });
    }
  });
}

/** Known here, each of them. */
function namesToPush({ images }: ImageBackend, exchange: Exchange): string[] {
  const name = exchange.parameters['name'] ?? '';
  const tag = exchange.query.text('tag');
  const asked = parseReference(joinTag(name, tag));
  if (asked.tag !== undefined || asked.digest !== undefined) {
    const whole = formatReference(asked);
    if (
      images.list({}).some((image) => [...image.names, ...image.digests].some((known) => formatReference(parseReference(known)) === whole))
    )
      return [whole];
    throw notHere(`${name}${tag === '' ? '' : `:${tag}`}`);
  }
  const own = images
    .list({})
    .flatMap((image) => image.names.map(parseReference))
    .filter(({ domain, path }) => domain === asked.domain && path === asked.path)
    .map(formatReference);
  if (own.length > 0) return own;
  throw notHere(name);
}

function notHere(name: string): OrlopError {
  return new OrlopError('not-found', 'IMAGE_NOT_FOUND', `An image does not exist locally with the tag: ${name}`);
}

async function authenticate({ registries }: RegistryBackend, exchange: Exchange): Promise<void> {
  const body = await exchange.readObject();
  const text = (name: string): string => body.text(name) ?? '';
  const auth: DockerAuth = {
    username: text('username'),
    password: text('password'),
    auth: text('auth'),
    identitytoken: text('identitytoken'),
  };
  const { identityToken } = await registries.login(registryOf(text('serveraddress')), loginOfBody(auth), exchange.signal);
  exchange.json(200, { Status: 'Login Succeeded', IdentityToken: identityToken ?? '' });
}

async function inspect({ registries }: RegistryBackend, exchange: Exchange): Promise<void> {
  const { mediaType, digest, sizeBytes, platforms } = await registries.inspect(exchange.parameters['name'] ?? '', {
    ...loginOf(exchange),
    signal: exchange.signal,
  });
  const answer: DockerDistribution = {
    Descriptor: { mediaType, digest, size: sizeBytes },
    Platforms: platforms.map((platform) => ({ ...platform })),
  };
  exchange.json(200, answer);
}
