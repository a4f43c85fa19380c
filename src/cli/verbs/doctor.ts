import type { Finding } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { painterFor, type Paint } from '../render/colour.ts';

/** Fails when something does. */
export const doctor: Verb = async ({ args, io, client }) => {
  const { findings } = await (await client()).doctor();
  await write(
    io.stdout,
    args.text('format') === 'json' || args.flag('json')
      ? `${JSON.stringify(findings)}\n`
      : formatFindings(findings, args.flag('all'), painterFor(io.stdout, io.env)),
  );
  return findings.some(({ state }) => state === 'fail') ? exitCodes.failure : exitCodes.ok;
};

const colours = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

/** Without `all`, what is as it should be is only counted. Pure. */
export function formatFindings(findings: readonly Finding[], all: boolean, paint: Paint = (_colour, text) => text): string {
  const shown = findings.filter(({ state }) => all || state !== 'ok');
  const lines = shown.flatMap(({ name, state, text, advice }) => [
    `${paint(colours[state], state.padEnd(4))}  ${name}: ${text}`,
    ...(advice === undefined ? [] : [`      try: ${advice}`]),
  ]);
  const well = findings.length - shown.length;
  return [
    ...lines,
    ...(well === 0
      ? []
      : [`ok    ${well} ${shown.length === 0 ? '' : 'other '}${well === 1 ? 'thing was' : 'things were'} looked at (--all shows them)`]),
    '',
  ].join('\n');
}
