import { isOrlopError, type OrlopError } from '#errors';
import { apiVersion, type DockerVersion } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { programVersion } from '../program-version.ts';
import { reportError } from '../render/error.ts';
import { printJson } from '../render/json.ts';
import { parseTemplate } from '../render/template.ts';

/** Says what it knows of itself even when no engine answers; the exit code tells. */
export const version: Verb = async ({ args, io, client }) => {
  const format = args.flag('json') ? 'json' : args.text('format');
  const template = format === undefined || format === 'json' ? null : parseTemplate(format);
  const own = describeProgram();
  const server: DockerVersion | OrlopError = await (await client()).dockerVersion().catch((error: unknown) => {
    if (isOrlopError(error)) return error;
    throw error;
  });
  const failed = isOrlopError(server);
  const facts = { Client: own, Server: failed ? null : withGoName(server) };
  if (format === 'json') await printJson(io, facts);
  else if (template === null) await write(io.stdout, formatClient(own) + (failed ? '' : formatServer(server)));
  if (failed) {
    await reportError(io, server);
    return exitCodes.failure;
  }
  if (template !== null) await write(io.stdout, `${template.render(facts)}\n`);
  return exitCodes.ok;
};

interface ProgramFacts {
  readonly Platform: { readonly Name: string };
  readonly Version: string;
  readonly ApiVersion: string;
  readonly DefaultAPIVersion: string;
  readonly Os: string;
  readonly Arch: string;
  readonly Context: string;
}

/** This program, in the words of Docker's for its own. */
export function describeProgram(): ProgramFacts {
  const goArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };
  return withGoName({
    Platform: { Name: 'Orlop' },
    Version: programVersion,
    ApiVersion: apiVersion,
    DefaultAPIVersion: apiVersion,
    Os: process.platform,
    Arch: goArchitectures[process.arch] ?? process.arch,
    Context: 'default',
  });
}

/** Docker's templates name the field as Go does, its JSON otherwise. */
function withGoName<Facts extends { readonly ApiVersion: string }>(facts: Facts): Facts {
  return Object.defineProperty({ ...facts }, 'APIVersion', { value: facts.ApiVersion, enumerable: false });
}

function formatClient({ Version, ApiVersion, Os, Arch, Context }: ProgramFacts): string {
  return `Client: Orlop
 Version:           ${Version}
 API version:       ${ApiVersion}
 OS/Arch:           ${Os}/${Arch}
 Context:           ${Context}
`;
}

function formatServer({ Platform, Version, ApiVersion, MinAPIVersion, GitCommit, Os, Arch, KernelVersion }: DockerVersion): string {
  return `
Server: ${Platform.Name}
 Engine:
  Version:          ${Version}
  API version:      ${ApiVersion} (minimum version ${MinAPIVersion})
  Build:            ${GitCommit}
  OS/Arch:          ${Os}/${Arch}
  Kernel:           ${KernelVersion}
`;
}
