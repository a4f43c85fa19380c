import { labels, selectServices } from '#compose';
import type { DockerEvent } from '#wire';
import { exitCodes } from '../../exit-codes.ts';
import { programVersion } from '../../program-version.ts';
import type { Verb } from '../../invocation.ts';
import { write } from '../../io.ts';
import { printJson } from '../../render/json.ts';
import { parseMoment } from '../../values/moment.ts';
import { findProjectOf } from './found.ts';

/** `orlop compose events`: without what Compose itself has written on the containers. */
export const composeEvents: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const project = await findProjectOf(invocation, { named: args.positionals, resolvesEnvironment: false });
  const { name } = selectServices(project, args.positionals, { dependencies: false });
  const nowMs = Date.now();
  const stream = (await client()).events({
    since: parseMoment(args.text('since'), nowMs),
    until: parseMoment(args.text('until'), nowMs),
    filters: { type: ['container'], label: [`${labels.project}=${name}`] },
  });
  for await (const event of stream) {
    const service = event.Actor.Attributes[labels.service] ?? '';
    if (args.positionals.length > 0 && !args.positionals.includes(service)) continue;
    await write(io.stdout, `${args.flag('json') ? JSON.stringify(dataOf(event, service)) : lineOf(event)}\n`);
  }
  return exitCodes.ok;
};

function attributesOf({ Actor }: DockerEvent): Record<string, string> {
  return Object.fromEntries(Object.entries(Actor.Attributes).filter(([key]) => !key.startsWith('com.docker.compose.')));
}

function dataOf(event: DockerEvent, service: string): object {
  const { Action: action, Actor, Type: type, timeNano } = event;
  const time = new Date(timeNano / 1e6).toISOString();
  return { action, attributes: attributesOf(event), id: Actor.ID, service, time, type };
}

/** `2026-11-22 02:52:29.661000 container kill ID (image=x, name=p-web-1)`, in the time zone of this machine. */
function lineOf(event: DockerEvent): string {
  const ms = Math.floor(event.timeNano / 1e6);
  const local = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().replace('T', ' ').replace('Z', '000');
  const attributes = Object.entries(attributesOf(event)).map(([key, value]) => `${key}=${value}`);
  return `${local} ${event.Type} ${event.Action} ${event.Actor.ID} (${attributes.toSorted().join(', ')})`;
}

/** `orlop compose version` */
export const composeVersion: Verb = async ({ args, io }) => {
  if (args.flag('json') || args.text('format') === 'json') await printJson(io, { version: programVersion });
  else await write(io.stdout, args.flag('short') ? `${programVersion}\n` : `Orlop Compose version ${programVersion}\n`);
  return exitCodes.ok;
};
