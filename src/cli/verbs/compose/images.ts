import { Readable } from 'node:stream';
import type { ImageSource, Project } from '#compose';
import { parseArguments } from '../../arguments/parse.ts';
import { findCommand } from '../../commands/index.ts';
import type { Invocation } from '../../invocation.ts';
import { aside, withEnvironment, type Io } from '../../io.ts';
import { createLiveRegion } from '../../render/live-region.ts';
import { pullImage } from '../pull.ts';
import { wordsOfBuild } from './build-words.ts';

/** Images as people get them on this command line: pulled with their credentials, built from their files. */
export function imageSource(
  invocation: Invocation,
  project: Project,
  options: { readonly quiet?: boolean; readonly further?: readonly string[] } = {},
): ImageSource {
  const { client } = invocation;
  const io = withSharedTerminal(invocation.io);
  return {
    pull: async (image, { platform }) =>
      void (await pullImage(await client(), aside(io), image, { quiet: options.quiet === true, platform })),
    build: async (name, image) => {
      const { words, dockerfile } = wordsOfBuild(project, name, image);
      const outer = withEnvironment(io, project.environment);
      const input = dockerfile === null ? outer : withInput(outer, dockerfile);
      // A build that is quiet says the id of its image, which belongs to nobody here.
      await runVerb({ ...invocation, io: options.quiet === true ? withoutOutput(input) : input }, [
        'build',
        ...(options.quiet === true ? ['--quiet'] : []),
        ...(options.further ?? []),
        ...words,
      ]);
    },
  };
}

/** Carries another verb out, as if it had been typed. */
export async function runVerb(invocation: Invocation, words: readonly string[]): Promise<number> {
  const found = findCommand(words);
  if (found === undefined) throw new Error(`no command ${words.join(' ')}`);
  const { verbLoaders } = await import('../../verb-loaders.ts');
  const load = verbLoaders[found.command.name];
  if (load === undefined) throw new Error(`no verb ${found.command.name}`);
  return (await load())({ ...invocation, command: found.command, args: parseArguments(found.command, found.rest) });
}

/** Builds and pulls that go on side by side share the terminal's last lines, and what is said meanwhile stands above these. */
function withSharedTerminal(io: Io): Io {
  if (!io.stderr.isTTY) return io;
  const region = createLiveRegion(io.stderr);
  const say = (data: string | Uint8Array): boolean => {
    region.print(typeof data === 'string' ? data : Buffer.from(data).toString());
    return true;
  };
  const stderr: unknown = Object.create(io.stderr, { region: { value: region }, write: { value: say } });
  return Object.create(io, { stderr: { value: stderr } }) as Io;
}

function withoutOutput(io: Io): Io {
  return Object.create(io, { stdout: { value: Object.create(io.stdout, { write: { value: () => true } }) } }) as Io;
}

function withInput(io: Io, text: string): Io {
  return Object.create(io, { stdin: { value: Readable.from([Buffer.from(text)]) } }) as Io;
}
