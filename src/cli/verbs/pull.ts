import { formatReference, parseReference, withDefaultTag } from '#oci';
import type { Client } from '#client';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { type Io, write } from '../io.ts';
import { createProgressView } from '../render/progress.ts';
import { authFor } from '../values/registry-auth.ts';

export const pull: Verb = async ({ args, io, client }) => {
  const [name = ''] = args.positionals;
  const full = formatReference(withDefaultTag(parseReference(name)));
  const quiet = args.flag('quiet');
  const { digest, status } = await pullImage(await client(), io, full, { quiet, platform: args.text('platform') });
  if (!quiet) await write(io.stderr, `Digest: ${digest}\nStatus: ${status}\n`);
  await write(io.stdout, `${full}\n`);
  return exitCodes.ok;
};

/** Pulls with the user's credentials, showing how far it is on standard error. */
export async function pullImage(
  engine: Client,
  io: Io,
  name: string,
  options: { readonly quiet: boolean; readonly platform?: string | undefined },
): Promise<{ digest: string; status: string }> {
  const auth = await authFor(name, io.env);
  using view = createProgressView(io.stderr, { quiet: options.quiet });
  return await engine.images.pull(name, { auth, platform: options.platform, progress: (step) => view.report(step) });
}
