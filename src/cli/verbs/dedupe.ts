import { usageError } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatBytes } from '../values/size.ts';

export const dedupe: Verb = async ({ args, io, client }) => {
  const names = args.positionals;
  if (args.flag('all') === names.length > 0) throw usageError('"orlop dedupe" takes names of containers, or --all');
  const answer = await (await client()).disk.dedupe(args.flag('all') ? null : names);
  if (args.flag('json')) {
    await printJson(io, answer);
    return exitCodes.ok;
  }
  const { files, sharedFiles, savedBytes, savedCacheBytes, way, apart, running } = answer;
  for (const name of apart) await write(io.stderr, `container ${name} has a disk of its own, which shares with nobody\n`);
  for (const name of running)
    await write(io.stderr, `container ${name} runs: what it has written itself is left as it is until it is stopped\n`);
  const what = way === 'blocks' ? 'share their blocks now' : 'are one with others now';
  const inMemory = way === 'blocks' ? '' : `, and ${formatBytes(savedCacheBytes)} in memory`;
  await write(io.stdout, `${sharedFiles} of ${files} files ${what}: ${formatBytes(savedBytes)} saved${inMemory}\n`);
  return exitCodes.ok;
};
