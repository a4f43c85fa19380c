import type { Client } from '#client';
import { OrlopError } from '#errors';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { aside, type Io, write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { createProgressView } from '../render/progress.ts';
import { fetchImages } from './lxd.ts';
import { parseName, takesDefaultTag } from '../values/all-tags.ts';
import { authFor } from '../values/registry-auth.ts';

/** `images:debian/12`: what follows the colon is neither a tag nor a port. No reference of a registry looks so. */
const remoteName = /^[a-z0-9][a-z0-9._-]*:(?!\d+\/)[^/@]+\//;

export const pull: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const [name = ''] = args.positionals;
  if (remoteName.test(name)) {
    if (args.flag('all-tags') || args.text('platform') !== undefined)
      throw new OrlopError(
        'unimplemented',
        'CLI_USAGE',
        `--all-tags and --platform do not go with ${name}, which is no image of a registry`,
      );
    return fetchImages(invocation);
  }
  const allTags = args.flag('all-tags');
  const full = parseName(name, allTags);
  const quiet = args.flag('quiet');
  const json = args.flag('json');
  const told = json ? aside(io) : io;
  if (!quiet && takesDefaultTag(name, allTags)) await write(told.stdout, 'Using default tag: latest\n');
  const { digest, status } = await pullImage(await client(), told, full, { quiet, allTags, platform: args.text('platform') });
  if (json) await printJson(io, { Name: full, Digest: allTags ? null : digest, Status: status });
  else await write(io.stdout, `${full}\n`);
  return exitCodes.ok;
};

/** Pulls with the user's credentials, showing on standard output how far it is, and what came of it. */
export async function pullImage(
  engine: Client,
  io: Io,
  name: string,
  { quiet, ...options }: { readonly quiet: boolean; readonly platform?: string | undefined; readonly allTags?: boolean },
): Promise<{ digest: string; status: string }> {
  const auth = await authFor(name, io.env);
  using view = createProgressView(io.stdout, { quiet });
  const pulled = await engine.images.pull(name, { auth, ...options, progress: (step) => view.report(step) });
  view[Symbol.dispose]();
  // Of several there is not one digest.
  if (!quiet) await write(io.stdout, `${options.allTags === true ? '' : `Digest: ${pulled.digest}\n`}Status: ${pulled.status}\n`);
  return pulled;
}
