import { OrlopError } from '#errors';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { parseSource } from './copy.ts';

/** What a container has changed in its image; with snapshots, since one of them, or from one to the other. */
export const diff: Verb = async ({ args, io, client }) => {
  const { ref, from, to } = parsePlaces(args.positionals);
  const { archives, snapshots } = await client();
  const changes =
    from === undefined
      ? await archives.changes(ref)
      : (await snapshots.changes(ref, from, to)).map(({ kind, path }) => ({ Path: path, Kind: kinds.indexOf(kind) }));
  if (args.flag('json')) {
    await printJson(io, changes);
    return exitCodes.ok;
  }
  await write(io.stdout, changes.map(({ Kind: kind, Path: path }) => `${kinds[kind] ?? '?'} ${path}\n`).join(''));
  return exitCodes.ok;
};

interface Places {
  readonly ref: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** `box before after`, or as elsewhere `box/before box/after`. Pure. */
export function parsePlaces([first = '', second, third]: readonly string[]): Places {
  const { ref, snapshot } = parseSource(first);
  if (snapshot === undefined) return { ref, from: second, to: third };
  const to = second === undefined ? undefined : parseSource(second);
  const other = to?.snapshot === undefined ? undefined : to.ref;
  if (third === undefined && (other === undefined || other === ref)) return { ref, from: snapshot, to: to?.snapshot ?? to?.ref };
  throw new OrlopError('invalid-argument', 'CLI_ONE_CONTAINER', 'only snapshots of one container can be compared', {
    hint: `for example: orlop diff ${ref}/${snapshot} ${ref}/OTHER`,
  });
}

/** By Docker's numbers. */
const kinds = ['C', 'A', 'D'];
