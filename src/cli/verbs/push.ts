import { formatReference, parseReference, withDefaultTag } from '#oci';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { createProgressView } from '../render/progress.ts';
import { authFor } from '../values/registry-auth.ts';

export const push: Verb = async ({ args, io, client }) => {
  const [name = ''] = args.positionals;
  const full = formatReference(withDefaultTag(parseReference(name)));
  const auth = await authFor(full, io.env);
  const engine = await client();
  using view = createProgressView(io.stderr, { quiet: args.flag('quiet') });
  const { tag, digest, sizeBytes } = await engine.images.push(full, { auth, progress: (step) => view.report(step) });
  view[Symbol.dispose]();
  await write(io.stdout, args.flag('quiet') ? `${full}\n` : `${tag}: digest: ${digest} size: ${sizeBytes}\n`);
  return exitCodes.ok;
};
