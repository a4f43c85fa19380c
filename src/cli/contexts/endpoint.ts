import { readFileSync } from 'node:fs';
import { parseHost } from '#client';
import { OrlopError } from '#errors';
import { usageError } from '../arguments/usage-error.ts';
import { readContext, type Context, type TlsFiles, type TlsName } from './store.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const files: Readonly<Record<string, TlsName>> = { ca: 'ca.pem', cert: 'cert.pem', key: 'key.pem' };

/** What `--docker host=tcp://box:2376,ca=ca.pem,cert=cert.pem,key=key.pem` or `from=CONTEXT` says of an engine. The files are read here. */
export function readEndpoint(env: Environment, text: string): Pick<Context, 'host' | 'tls'> {
  const given = parseWords(text);
  const skip = given.get('skip-tls-verify');
  if (skip !== undefined && skip !== 'false' && skip !== '0')
    throw new OrlopError('unimplemented', 'CLI_CONTEXT', 'skip-tls-verify is refused: it would trust whoever answers', {
      hint: "give the engine's authority: ca=FILE",
    });
  const from = given.get('from');
  const tls = Object.entries(files).flatMap(([word, name]): [TlsName, string][] => {
    const path = given.get(word);
    return path === undefined ? [] : [[name, readPem(path)]];
  });
  if (from !== undefined) {
    if (given.size > 1) throw usageError('from= goes without other words: it takes all of a context');
    const { host, tls: kept } = readContext(env, from);
    return { host, tls: kept };
  }
  const host = given.get('host');
  if (host === undefined) throw usageError(`invalid argument ${JSON.stringify(text)} for "--docker" flag: it has no host=`);
  return checkEndpoint(host, Object.fromEntries(tls));
}

/** Fails for an address that the client would not take, and for a certificate without its key. Pure. */
export function checkEndpoint(host: string, tls: TlsFiles): Pick<Context, 'host' | 'tls'> {
  const { scheme } = parseHost(host);
  if (scheme === 'unix' && Object.keys(tls).length > 0) throw usageError('certificates are for tcp:// addresses');
  if ((tls['cert.pem'] === undefined) !== (tls['key.pem'] === undefined)) throw usageError('cert= and key= go together');
  return { host, tls };
}

function parseWords(text: string): ReadonlyMap<string, string> {
  const known = ['host', 'from', 'skip-tls-verify', ...Object.keys(files)];
  return new Map(
    text.split(',').map((word) => {
      const mark = word.indexOf('=');
      if (mark < 1)
        throw usageError(`invalid argument ${JSON.stringify(text)} for "--docker" flag: ${word} must be formatted as key=value`);
      const key = word.slice(0, mark);
      if (!known.includes(key)) throw usageError(`unrecognized config key: ${key}: it must be one of ${known.join(', ')}`);
      return [key, word.slice(mark + 1)];
    }),
  );
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new OrlopError('invalid-argument', 'CLI_CONTEXT', `${path} cannot be read: ${String((cause as NodeJS.ErrnoException).code)}`, {
      cause,
    });
  }
}
