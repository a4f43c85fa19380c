import { OrlopError } from '#errors';
import { checkMountTarget } from './mount-wishes.ts';
import type { MountWish, Propagation } from './volumes.ts';

/** Of each class at most one may be given. */
const classes: readonly (readonly string[])[] = [
  ['ro', 'rw'],
  ['z', 'Z'],
  ['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared'],
  ['nocopy'],
  ['consistent', 'cached', 'delegated'],
];
const owners = /^(uid|gid)=(\d{1,10})$/;
const highestId = 0xffff_fffe;

/**
 * Docker's short form of a mount: `[SOURCE:]TARGET[:OPTIONS]`. A source that is an absolute path is bound, and made when it is missing; another is a volume's name. Labels of
 * SELinux (`z`, `Z`) do nothing on hosts without it, as with Docker. `uid=` and `gid=` are ours. Invalid-argument `MOUNT_INVALID` in Docker's words.
 */
export function parseShortMount(text: string): MountWish {
  const [first = '', second, third, ...rest] = text.split(':');
  if (first === '' || rest.length > 0 || second === '') throw badSpecification(text);
  if (second === undefined) return { type: 'volume', target: checked(text, first), short: text };
  if (third === undefined && areOptions(second)) throw badSpecification(text);
  const options = third ?? '';
  if (!areOptions(options)) throw invalid(`invalid mode: ${options}`);
  const words = options.split(',').filter((word) => word !== '');
  const isBind = first.startsWith('/');
  const propagation = words.find(isPropagation);
  if (propagation !== undefined && !isBind)
    throw badSpecification(text, 'invalid mount config for type "volume": field BindOptions must not be specified');
  if (words.includes('nocopy') && isBind)
    throw badSpecification(text, 'invalid mount config for type "bind": field VolumeOptions must not be specified');
  return {
    type: isBind ? 'bind' : 'volume',
    source: first,
    target: checked(text, second),
    ...(isBind ? { createSource: true } : {}),
    ...(words.includes('ro') ? { readOnly: true } : {}),
    ...(words.includes('nocopy') ? { noCopy: true } : {}),
    ...(propagation === undefined ? {} : { propagation }),
    ...ownersOf(words),
    short: text,
  };
}

/** The options at the end of a short form, as they are shown of a mount. */
export function shortOptionsOf(text: string): string {
  return text.split(':')[2] ?? '';
}

function areOptions(text: string): boolean {
  const words = text === '' ? [] : text.split(',');
  const known = (word: string): boolean => isOwner(word) || classes.some((members) => members.includes(word));
  const once = [...classes, ['uid'], ['gid']].every(
    (members) => words.filter((word) => members.includes(owners.exec(word)?.[1] ?? word)).length <= 1,
  );
  return once && words.every(known);
}

function isOwner(word: string): boolean {
  const id = owners.exec(word)?.[2];
  return id !== undefined && Number(id) <= highestId;
}

function isPropagation(word: string): word is Propagation {
  return classes[2]?.includes(word) === true;
}

function ownersOf(words: readonly string[]): Pick<MountWish, 'uid' | 'gid'> {
  return Object.fromEntries(words.flatMap((word) => (isOwner(word) ? [[word.slice(0, 3), Number(word.slice(4))]] : [])));
}

function checked(text: string, target: string): string {
  const problem = checkMountTarget(target);
  if (problem === null) return target;
  throw badSpecification(text, problem);
}

function badSpecification(text: string, problem?: string): OrlopError {
  return invalid(`invalid volume specification: '${text}'${problem === undefined ? '' : `: ${problem}`}`);
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'MOUNT_INVALID', message);
}
