import { parseReference } from '#oci';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { aside, write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { createProgressView } from '../render/progress.ts';
import { parseName, takesDefaultTag } from '../values/all-tags.ts';
import { authFor } from '../values/registry-auth.ts';

export const push: Verb = async ({ args, io, client }) => {
  const [name = ''] = args.positionals;
  const allTags = args.flag('all-tags');
  const full = parseName(name, allTags);
  const quiet = args.flag('quiet');
  const told = args.flag('json') ? aside(io) : io;
  if (!quiet) await write(told.stdout, announcementOf(name, full, allTags));
  const auth = await authFor(full, io.env);
  const engine = await client();
  using view = createProgressView(told.stdout, { quiet });
  const how = { auth, allTags, platform: args.text('platform') };
  const pushed = await engine.images.push(full, { ...how, progress: (step) => view.report(step) });
  view[Symbol.dispose]();
  if (args.flag('json')) {
    await printJson(
      io,
      pushed.map(({ tag, digest, sizeBytes }) => ({ Tag: tag, Digest: digest, Size: sizeBytes })),
    );
    return exitCodes.ok;
  }
  const lines = pushed.map(({ tag, digest, sizeBytes }) => `${tag}: digest: ${digest} size: ${sizeBytes}\n`);
  await write(io.stdout, quiet ? `${full}\n` : lines.join(''));
  return exitCodes.ok;
};

/** What Docker's command line and engine say before the first layer goes. */
function announcementOf(name: string, full: string, allTags: boolean): string {
  const { domain, path } = parseReference(full);
  return `${takesDefaultTag(name, allTags) ? 'Using default tag: latest\n' : ''}The push refers to repository [${domain}/${path}]\n`;
}
