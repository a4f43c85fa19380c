import { kindLabel } from '#wire';
import type { Client } from '#client';
import { isOrlopError } from '#errors';
import type { Verb } from '../invocation.ts';
import { terminalSize } from '../terminal/size.ts';
import { readDetachKeys } from '../values/detach-keys.ts';
import { planLogin } from '../values/login.ts';
import { joinExec } from './exec.ts';

/** On a terminal when there is one on both sides; else input and output are piped, as with ssh(1). */
export const shell: Verb = async ({ args, io, client }) => {
  const [ref = '', ...command] = args.positionals;
  const detachKeys = await readDetachKeys(args, io);
  const engine = await client();
  const { Config: config } = await engine.containers.inspect(ref);
  const isMachine = config.Labels[kindLabel] === 'system';
  const facts =
    isMachine && (await hasSu(engine, ref)) ? { hasSu: true, passwd: '' } : { hasSu: false, passwd: await readPasswd(engine, ref) };
  const plan = planLogin({ user: args.text('user') ?? '', command, ...facts });
  const terminal = io.stdin.isTTY && io.stdout.isTTY;
  const size = terminal ? terminalSize(io.stdout) : undefined;
  const id = await engine.execs.create(ref, {
    ...plan,
    Env: [...(plan.Env ?? []), ...(terminal ? [`TERM=${io.env['TERM'] ?? 'xterm'}`] : [])],
    Tty: terminal,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    ...(detachKeys === '' ? {} : { DetachKeys: detachKeys }),
    ...(size === undefined ? {} : { ConsoleSize: [size.rows, size.columns] }),
  });
  return joinExec(engine, io, { id, terminal, stdin: true, detachKeys });
};

async function hasSu({ files }: Client, ref: string): Promise<boolean> {
  for (const path of ['/usr/bin/su', '/bin/su']) {
    try {
      await files.list(ref, path);
      return true;
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return false;
}

/** The file is the container's: no more of it is looked at. */
const largestPasswd = 1024 * 1024;

async function readPasswd({ files }: Client, ref: string): Promise<string> {
  try {
    const pieces: Buffer[] = [];
    let bytes = 0;
    for await (const piece of files.readContent(ref, '/etc/passwd')) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > largestPasswd) break;
    }
    return Buffer.concat(pieces).toString();
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return isOrlopError(error, 'not-found') && error.code === 'ENGINE_PATH_NOT_FOUND';
}
