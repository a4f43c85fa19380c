import { isOrlopError, OrlopError } from '#errors';
import type { DockerEvent } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { parseTemplate, type Template } from '../render/template.ts';
import { parseMoment } from '../values/moment.ts';
import { parseFilters } from '../values/pairs.ts';

export const events: Verb = async ({ args, io, client }) => {
  const nowMs = Date.now();
  const format = args.flag('json') ? 'json' : args.text('format');
  const template = format === undefined || format === 'json' ? null : parseTemplate(format);
  const stream = (await client()).events({
    since: parseMoment(args.text('since'), nowMs),
    until: parseMoment(args.text('until'), nowMs),
    filters: parseFilters(args.list('filter')),
  });
  for await (const event of stream) {
    const line = format === undefined ? formatEvent(event) : template === null ? JSON.stringify(event) : renderEvent(template, event);
    await write(io.stdout, `${line}\n`);
  }
  return exitCodes.ok;
};

/** As Docker has it, a field that events do not have is a mistake of the template, before any event has come. */
function renderEvent(template: Template, event: DockerEvent): string {
  try {
    return template.render(event);
  } catch (error) {
    if (!isOrlopError(error)) throw error;
    throw new OrlopError(error.kind, 'CLI_BAD_TEMPLATE', error.message, error.hint === undefined ? {} : { hint: error.hint });
  }
}

function formatEvent({ timeNano, Type, Action, Actor }: DockerEvent): string {
  const attributes = Object.entries(Actor.Attributes)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
  return `${formatMoment(timeNano)} ${Type} ${Action} ${Actor.ID}${attributes === '' ? '' : ` (${attributes})`}`;
}

/** Nanoseconds since the epoch in the time zone of this machine. A number this great is exact in its digits only. */
function formatMoment(timeNano: number): string {
  const digits = String(timeNano).padStart(10, '0');
  const atMs = Number(digits.slice(0, -9)) * 1000;
  const minutesEast = -new Date(atMs).getTimezoneOffset();
  const local = new Date(atMs + minutesEast * 60_000).toISOString().slice(0, 19);
  const twoDigits = (number: number): string => String(number).padStart(2, '0');
  const away = Math.abs(minutesEast);
  const zone = minutesEast === 0 ? 'Z' : `${minutesEast < 0 ? '-' : '+'}${twoDigits(Math.floor(away / 60))}:${twoDigits(away % 60)}`;
  return `${local}.${digits.slice(-9)}${zone}`;
}
