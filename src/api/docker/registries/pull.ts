import type { Exchange } from '#api/http';
import { isOrlopError, OrlopError } from '#errors';
import { familiarName, formatReference, parseReference, type Reference } from '#oci';
import { joinTag } from '../images/routes.ts';
import type { RegistryBackend } from './backend.ts';
import { loginOf } from './login.ts';
import { openProgress, type ProgressStream } from './progress.ts';

/** `POST /images/create` with `fromImage`: one tag or digest; all tags that the registry has when neither is named. */
export async function pull(backend: RegistryBackend, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const reference = parseReference(joinTag(query.text('fromImage'), query.text('tag')));
  const progress = openProgress(exchange);
  const work: Work = { backend, exchange, progress };
  await progress.run(async () => {
    const isWhole = reference.tag === undefined && reference.digest === undefined;
    const { name, any } = await asDocker(reference, isWhole ? pullAll(work, reference) : pullOne(work, reference));
    progress.send({ status: `Status: ${any ? 'Downloaded newer image for' : 'Image is up to date for'} ${name}` });
  });
}

interface Work {
  readonly backend: RegistryBackend;
  readonly exchange: Exchange;
  readonly progress: ProgressStream;
}

interface News {
  readonly name: string;
  readonly any: boolean;
}

async function pullOne({ backend, exchange, progress }: Work, reference: Reference): Promise<News> {
  const platform = exchange.query.text('platform');
  let begun = false;
  const begin = (): void => {
    if (begun) return;
    begun = true;
    progress.send({ status: `Pulling from ${reference.path}`, id: reference.digest ?? reference.tag ?? '' });
  };
  const pulled = await backend.registries.pull(formatReference(reference), {
    ...loginOf(exchange),
    ...(platform === '' ? {} : { platform }),
    signal: exchange.signal,
    progress: (step) => {
      begin();
      progress.step(step);
    },
  });
  begin();
  progress.send({ status: `Digest: ${pulled.digest}` });
  return { name: pulled.name, any: pulled.isNew };
}

/** What is no image for this engine (signatures and the like have tags too) is named and passed over, unless nothing else comes. */
async function pullAll(work: Work, repository: Reference): Promise<News> {
  const { backend, exchange, progress } = work;
  const tags = await backend.registries.tags(formatReference(repository), { ...loginOf(exchange), signal: exchange.signal });
  let any = false;
  let refusal: Error | undefined;
  let came = 0;
  for (const tag of tags) {
    try {
      const news = await pullOne(work, { ...repository, tag });
      any ||= news.any;
      came += 1;
    } catch (error) {
      if (!isOrlopError(error, 'unimplemented')) throw error;
      refusal = error;
      progress.send({ status: `Skipped: ${error.message}`, id: tag });
    }
  }
  if (came === 0 && refusal !== undefined) throw refusal;
  return { name: familiarName(repository), any };
}

/** Docker calls a repository that it may not see not found, in these words. At 401 its command line would ask for a password, with nobody there to answer. */
async function asDocker<T>(reference: Reference, pulling: Promise<T>): Promise<T> {
  try {
    return await pulling;
  } catch (cause) {
    if (!isOrlopError(cause) || !/^REGISTRY_HTTP_40[13]$/.test(cause.code)) throw cause;
    const message = `pull access denied for ${familiarName(reference)}, repository does not exist or may require 'docker login': ${cause.message}`;
    throw new OrlopError('not-found', cause.code, message, { ...(cause.hint === undefined ? {} : { hint: cause.hint }), cause });
  }
}
