import { OrlopError } from '#errors';
import type { ContainerRecord } from '../container/record.ts';
import type { AttributeWishes } from './config.ts';
import { compileTag } from './tag.ts';

export type LogAttributes = Readonly<Record<string, string>>;

/** What the monitor has room for (LOG_ATTRIBUTES_BYTES in native/bosun/log.h). */
const attributesBytesMax = 8192;

/** What of a container its log shall tell, by name, in the order in which Docker writes it. */
export function attributesOf(
  record: Pick<ContainerRecord, 'id' | 'name' | 'image' | 'labels' | 'process' | 'hostname'>,
  wishes: AttributeWishes,
): LogAttributes {
  const found = new Map<string, string>();
  for (const [name, value] of Object.entries(record.labels)) {
    if (wishes.labels.includes(name) || wishes.labelsRegex?.test(name) === true) found.set(name, value);
  }
  for (const entry of record.process.env) {
    const at = entry.indexOf('=');
    const name = at < 0 ? entry : entry.slice(0, at);
    if (wishes.env.includes(name) || wishes.envRegex?.test(name) === true) found.set(name, at < 0 ? '' : entry.slice(at + 1));
  }
  if (wishes.tag !== '') found.set('tag', compileTag(wishes.tag)(tagFactsOf(record)));
  return Object.fromEntries([...found].toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function tagFactsOf({ id, name, image, process, hostname }: Parameters<typeof attributesOf>[0]) {
  return { id, name, imageId: image.id, imageName: image.name, command: [...process.entrypoint, ...process.command], hostname };
}

/** As they stand in a record of a json-file; '' for none. invalid-argument when they are too long for that. */
export function formatAttributes(attributes: LogAttributes): string {
  if (Object.keys(attributes).length === 0) return '';
  const json = JSON.stringify(attributes).replaceAll(/[<>&\u2028\u2029]/g, escapeCharacter);
  const text = `,"attrs":${json}`;
  if (Buffer.byteLength(text) <= attributesBytesMax) return text;
  throw new OrlopError(
    'invalid-argument',
    'ENGINE_LOG_ATTRIBUTES_TOO_LONG',
    `what the log options choose of labels and environment is ${Buffer.byteLength(text)} bytes, which would stand in every line; ${attributesBytesMax} are allowed`,
    { hint: 'choose fewer by labels, labels-regex, env and env-regex' },
  );
}

/** As Docker's encoder does. */
function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
