import { writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { text as readAll } from 'node:stream/consumers';
import { offerContext, readIfThere, readIgnoreFile, requireDirectory } from '#client';
import { isOrlopError, OrlopError } from '#errors';
import { parseReference } from '#oci';
import type { BuildBody, BuildRequest, BuildResult, RegistryLogin, SentContext } from '#wire';
import { parseArguments } from '../arguments/parse.ts';
import { usageError } from '../arguments/usage-error.ts';
import { findCommand } from '../commands/index.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation, Verb } from '../invocation.ts';
import { write, type Io } from '../io.ts';
import { type BuildProgress, createBuildProgress, type ProgressKind } from '../render/build-progress.ts';
import { formatDescription } from '../render/build-description.ts';
import { printJson } from '../render/json.ts';
import { createProgressView } from '../render/progress.ts';
import { writeArchive } from '../values/archive-file.ts';
import { isRemote, type OutputPlan, readBuildFlags, readNamedContexts, readOutput } from '../values/build-flags.ts';
import { authFor } from '../values/registry-auth.ts';
import { unpackHere } from '../values/tar-program.ts';

export const build: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const output = readOutput(args.list('output'));
  const flags = await readBuildFlags(args, io.env);
  const isPushed = args.flag('push') || output.isPushed === true;
  if (isPushed && (output.kind !== 'image' || flags.check === true || flags.describe !== undefined))
    throw usageError('only an image can be pushed: leave out --push, or what else is to become of the build');
  if (isPushed && flags.names?.length === 0 && output.names.length === 0)
    throw usageError('an image is pushed by its names: give one with -t');
  const { request, contexts } = await readContexts(invocation, {
    ...flags,
    output: output.kind,
    names: [...(flags.names ?? []), ...output.names],
  });
  const body: BuildBody = { request, logins: await loginsFor(request, io) };
  const engine = await client();
  const progress = createBuildProgress(io.stderr, kindOfProgress(invocation));
  const sink = openSink(io, output);
  const giveUp = new AbortController();
  const onInterrupt = (): void => giveUp.abort();
  process.once('SIGINT', onInterrupt);
  try {
    const result = await engine.builds.build(body, {
      contexts,
      onEvent: (event) => progress.on(event),
      onOutput: (chunk) => sink.take(chunk),
      signal: giveUp.signal,
    });
    await sink.end();
    progress[Symbol.dispose]();
    if (isPushed) await pushAll(invocation, result.names);
    await report(invocation, result, output);
    return request.check === true && result.warnings.length > 0 ? exitCodes.failure : exitCodes.ok;
  } catch (error) {
    sink.fail(error);
    progress[Symbol.dispose]();
    if (!isOrlopError(error)) throw error;
    await explain(io, error, progress);
    const image = error.details?.['image'];
    if (typeof image === 'string') await openShell(invocation, image);
    throw error;
  } finally {
    process.off('SIGINT', onInterrupt);
  }
};

function kindOfProgress({ args, io }: Pick<Invocation, 'args' | 'io'>): ProgressKind {
  if (args.flag('quiet') || args.flag('json') || args.flag('check') || (args.text('call') ?? 'build') !== 'build') return 'quiet';
  const wanted = args.text('progress') ?? io.env['BUILDKIT_PROGRESS'] ?? 'auto';
  if (wanted === 'auto') return io.stderr.isTTY ? 'tty' : 'plain';
  if (wanted === 'plain' || wanted === 'tty' || wanted === 'rawjson' || wanted === 'quiet') return wanted;
  throw usageError(`invalid argument ${JSON.stringify(wanted)} for "--progress" flag: auto, plain, tty, rawjson or quiet`);
}

interface Sent {
  readonly request: BuildRequest;
  readonly contexts: readonly SentContext[];
}

/** Where the files come from: a directory, an archive or a Dockerfile on standard input, or an address that the engine reads itself. */
async function readContexts({ args, io }: Invocation, flags: BuildRequest): Promise<Sent> {
  const [place = ''] = args.positionals;
  const file = args.text('file');
  const named = readNamedContexts(args.list('build-context'));
  const others = await Promise.all(
    named.directories.map(async (directory) => {
      await requireDirectory(directory);
      return offerContext(directory, await readIgnoreFile(directory, null));
    }),
  );
  const request: BuildRequest = { ...flags, namedContexts: named.contexts };
  const typed = async (): Promise<string> => readAll(io.stdin);
  if (file === '-' && place === '-') throw usageError('invalid argument: can not use stdin for both build context and dockerfile');
  if (isRemote(place)) {
    const dockerfile = file === '-' ? { dockerfileText: await typed() } : file === undefined ? {} : { dockerfile: file };
    return { request: { ...request, remote: place, ...dockerfile }, contexts: others };
  }
  if (place === '-') return readStandardInput(io, { request, others, file });
  await requireDirectory(place);
  const path = file === undefined ? await findDockerfile(place) : file === '-' ? null : resolve(file);
  const text = path === null ? await typed() : await readIfThere(path);
  if (text === null) throw noDockerfile(path ?? '');
  const context = offerContext(place, await readIgnoreFile(place, path));
  const shown = file === '-' ? '-' : (file ?? path ?? 'Dockerfile');
  return { request: { ...request, contextSent: true, dockerfile: shown, dockerfileText: text }, contexts: [context, ...others] };
}

/** The names that people use, Docker's first. */
async function findDockerfile(directory: string): Promise<string> {
  for (const name of ['Dockerfile', 'dockerfile', 'Containerfile']) {
    const path = join(directory, name);
    if ((await readIfThere(path)) !== null) return path;
  }
  return join(directory, 'Dockerfile');
}

function noDockerfile(path: string): OrlopError {
  return new OrlopError('not-found', 'CLI_NO_DOCKERFILE', `failed to read dockerfile: open ${path}: no such file or directory`, {
    hint: `write one, or say which file it is with -f (looked in ${dirname(path)})`,
  });
}

interface Typed {
  readonly request: BuildRequest;
  readonly others: readonly SentContext[];
  readonly file: string | undefined;
}

/** An archive, or a Dockerfile without a context: told apart by the first bytes, as Docker's does. */
async function readStandardInput(io: Io, { request, others, file }: Typed): Promise<Sent> {
  if (io.stdin.isTTY) throw usageError('nothing is piped into standard input: name a directory, or pipe an archive or a Dockerfile');
  const input = (io.stdin as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < 512) {
    const { value, done } = await input.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  const rest = async function* (): AsyncGenerator<Uint8Array> {
    if (head.length > 0) yield head;
    for (let next = await input.next(); next.done !== true; next = await input.next()) yield next.value;
  };
  const dockerfile = file === undefined ? {} : { dockerfile: file };
  if (isArchive(head)) return { request: { ...request, contextSent: true, ...dockerfile }, contexts: [rest(), ...others] };
  if (file !== undefined) throw usageError('-f names a file of the archive on standard input, and there is no archive');
  const parts: Uint8Array[] = [];
  for await (const chunk of rest()) parts.push(chunk);
  return { request: { ...request, dockerfileText: Buffer.concat(parts).toString('utf8'), dockerfile: '-' }, contexts: others };
}

/** By the magic of tar and of what packs it. */
function isArchive(head: Buffer): boolean {
  const magics = [
    [0x1f, 0x8b],
    [0x28, 0xb5, 0x2f, 0xfd],
    [0x42, 0x5a, 0x68],
    [0xfd, 0x37, 0x7a, 0x58, 0x5a],
  ];
  if (magics.some((magic) => magic.every((byte, at) => head[at] === byte))) return true;
  return head.length >= 512 && (head.toString('latin1', 257, 262) === 'ustar' || head.includes(0));
}

/** What is known to the registries that the Dockerfile seems to name. */
async function loginsFor(
  { dockerfileText = '', namedContexts = {}, cacheFrom = [], cacheTo = [] }: BuildRequest,
  io: Io,
): Promise<Record<string, RegistryLogin>> {
  const words = [...dockerfileText.matchAll(/^\s*FROM\s+(?:--\S+\s+)*(\S+)|--from=(\S+?)[\s,]|[,=]from=([^\s,]+)/gim)].map(
    ([, from, copied, mounted]) => from ?? copied ?? mounted ?? '',
  );
  const images = Object.values(namedContexts).flatMap((one) => (one.kind === 'image' ? [one.reference] : []));
  const logins: Record<string, RegistryLogin> = {};
  const caches = [...cacheFrom, ...cacheTo].flatMap((one) => ('reference' in one ? [one.reference] : []));
  for (const reference of new Set([...words, ...images, ...caches])) {
    const domain = domainOf(reference);
    if (domain === null || Object.hasOwn(logins, domain)) continue;
    const auth = await authFor(reference, io.env).catch(() => undefined);
    if (auth === undefined) continue;
    const { username, password, identitytoken, registrytoken } = auth;
    logins[domain] = {
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(identitytoken === undefined ? {} : { identityToken: identitytoken }),
      ...(registrytoken === undefined ? {} : { registryToken: registrytoken }),
    };
  }
  return logins;
}

/** null: it is no reference, as it stands. */
function domainOf(text: string): string | null {
  try {
    return parseReference(text).domain;
  } catch (error) {
    if (isOrlopError(error, 'invalid-argument')) return null;
    throw error;
  }
}

interface Sink {
  take(chunk: Uint8Array): Promise<void>;
  end(): Promise<void>;
  fail(error: unknown): void;
}

/** Takes the archive that a build hands out. */
function openSink(io: Io, { kind, dest = '-', isDirectory }: OutputPlan): Sink {
  if (kind === 'image' || kind === 'none') return { take: async () => undefined, end: async () => undefined, fail: () => undefined };
  const stream = new PassThrough({ highWaterMark: 1024 * 1024 });
  const archive = stream as AsyncIterable<Uint8Array>;
  const written = isDirectory ? unpackInto(dest, archive) : writeArchive(io, dest, archive, 'name a file: --output type=tar,dest=FILE');
  written.catch(() => undefined);
  return {
    async take(chunk) {
      if (!stream.write(Buffer.from(chunk))) await Promise.race([new Promise((go) => stream.once('drain', go)), written]);
    },
    async end() {
      stream.end();
      await written;
    },
    fail(error) {
      stream.destroy(error instanceof Error ? error : new Error(String(error)));
    },
  };
}

async function unpackInto(directory: string, archive: AsyncIterable<Uint8Array>): Promise<void> {
  const { mkdir } = await import('node:fs/promises');
  await mkdir(directory, { recursive: true });
  await unpackHere(archive, directory, { from: '.', as: null, owners: false });
}

async function pushAll({ args, io, client }: Invocation, names: readonly string[]): Promise<void> {
  const engine = await client();
  for (const name of names) {
    using view = createProgressView(io.stderr, { quiet: args.flag('quiet') || args.flag('json') });
    const auth = await authFor(name, io.env);
    for (const { tag, digest } of await engine.images.push(name, { auth, progress: (step) => view.report(step) }))
      await write(io.stderr, args.flag('quiet') ? '' : `pushed ${name.replace(/:[^:/]*$/, '')}:${tag} ${digest}\n`);
  }
}

async function report({ args, io }: Pick<Invocation, 'args' | 'io'>, result: BuildResult, output: OutputPlan): Promise<void> {
  const { id, digest, names, buildId, warnings } = result;
  const iidFile = args.text('iidfile');
  if (iidFile !== undefined) await writeFile(iidFile, id);
  const metadataFile = args.text('metadata-file');
  if (metadataFile !== undefined) {
    const metadata = {
      'containerimage.config.digest': id,
      'containerimage.digest': digest,
      'image.name': names.join(','),
      'orlop.build': buildId,
      'build.warnings': warnings,
    };
    await writeFile(metadataFile, `${JSON.stringify(metadata, null, 2)}\n`);
  }
  if (args.flag('json')) return printJson(io, result);
  if (result.description !== undefined) return write(io.stdout, formatDescription(result.description));
  if (args.flag('check') || args.text('call') === 'check') return reportCheck(io, result);
  if (output.kind !== 'image' || kindOfProgress({ args, io }) === 'rawjson') return;
  if (args.flag('quiet')) return write(io.stdout, `${id}\n`);
  const told = names.length === 0 ? id : names.map((name) => `${name} (${id.slice(0, 19)})`).join(', ');
  await write(io.stderr, `built ${told}\n`);
  if (warnings.length > 0)
    await write(io.stderr, `\n ${warnings.length} warning${warnings.length > 1 ? 's' : ''} found: see them with --check\n`);
}

async function reportCheck(io: Io, { warnings }: BuildResult): Promise<void> {
  if (warnings.length === 0) return write(io.stdout, 'Check complete, no warnings found.\n');
  await write(io.stdout, `Check complete, ${warnings.length} warning${warnings.length > 1 ? 's have' : ' has'} been found!\n`);
  for (const { rule, message, excerpt = '', url } of warnings) {
    await write(io.stdout, `\nWARNING: ${rule}${url === undefined ? '' : ` - ${url}`}\n${message}\n${excerpt}`);
  }
}

/** The end of the failed step's output, and its place in the file. */
async function explain(io: Io, { details = {} }: OrlopError, progress: BuildProgress): Promise<void> {
  const { excerpt } = details;
  const lines = progress.failed === null ? [] : progress.tail(progress.failed.step).slice(-10);
  if (lines.length > 0) await write(io.stderr, `------\n > ${progress.failed?.title}:\n${lines.join('\n')}\n------\n`);
  if (typeof excerpt === 'string') await write(io.stderr, `--------------------\n${excerpt}--------------------\n`);
}

/** A shell where the step failed, with what it left behind; all of it goes afterwards. */
async function openShell(invocation: Invocation, image: string): Promise<void> {
  const found = findCommand(['run']);
  if (found === undefined) return;
  const { run } = await import('./run.ts');
  const engine = await invocation.client();
  await write(invocation.io.stderr, 'a shell where it failed; leave it with exit\n');
  try {
    const words = ['--rm', '-i', ...(invocation.io.stdin.isTTY ? ['-t'] : []), '--entrypoint', '/bin/sh', image];
    await run({ ...invocation, command: found.command, args: parseArguments(found.command, words) });
  } finally {
    await engine.images.remove(image, { force: true });
  }
}
