import { isOrlopError } from '#errors';
import { apiVersion } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { reportError } from '../render/error.ts';
import { parseTemplate } from '../render/template.ts';
import { programVersion } from '../program-version.ts';

/** Says what it knows of itself even when no engine answers; the exit code tells. */
export const version: Verb = async ({ args, io, client, host }) => {
  const own = { Version: programVersion, ApiVersion: apiVersion };
  const format = args.text('format');
  const server = await (await client()).ping().then(
    ({ version: engineVersion, buildId }) => ({ Version: engineVersion, BuildId: buildId, Host: host }),
    (error: unknown) => {
      if (isOrlopError(error)) return error;
      throw error;
    },
  );
  const failed = isOrlopError(server);
  const facts = { Client: own, Server: failed ? null : server };
  if (format === 'json') await write(io.stdout, `${JSON.stringify(facts)}\n`);
  else if (format === undefined)
    await write(
      io.stdout,
      `Client: ${own.Version} (API ${own.ApiVersion})\n${failed ? '' : `Engine: ${server.Version} (${server.BuildId}) at ${host}\n`}`,
    );
  if (failed) {
    await reportError(io, server);
    return exitCodes.failure;
  }
  if (format !== undefined && format !== 'json') await write(io.stdout, `${parseTemplate(format).render(facts)}\n`);
  return exitCodes.ok;
};
