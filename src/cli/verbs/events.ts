import type { DockerEvent } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { parseTemplate } from '../render/template.ts';
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
    const line = format === undefined ? formatEvent(event) : template === null ? JSON.stringify(event) : template.render(event);
    await write(io.stdout, `${line}\n`);
  }
  return exitCodes.ok;
};

function formatEvent({ time, timeNano, Type, Action, Actor }: DockerEvent): string {
  const stamp = new Date(time * 1000).toISOString().slice(0, 19);
  // A JavaScript number holds such a time to a quarter of a microsecond.
  const microseconds = Math.floor(timeNano / 1000) % 1_000_000;
  const attributes = Object.entries(Actor.Attributes)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
  return `${stamp}.${String(microseconds).padStart(6, '0')}Z ${Type} ${Action} ${Actor.ID}${attributes === '' ? '' : ` (${attributes})`}`;
}
