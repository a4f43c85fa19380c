import { randomBytes, randomInt } from 'node:crypto';
import { OrlopError } from '#errors';
import type { ContainerId, ExecId } from '../model.ts';

const adjectives = [
  'able',
  'amber',
  'bold',
  'brave',
  'brisk',
  'calm',
  'candid',
  'clever',
  'coastal',
  'cosy',
  'deft',
  'eager',
  'even',
  'fair',
  'fleet',
  'frank',
  'gentle',
  'glad',
  'golden',
  'hardy',
  'honest',
  'jolly',
  'keen',
  'kind',
  'level',
  'lively',
  'lucky',
  'mellow',
  'merry',
  'nimble',
  'noble',
  'patient',
  'placid',
  'proud',
  'quick',
  'quiet',
  'ready',
  'sharp',
  'silent',
  'snug',
  'sober',
  'steady',
  'stout',
  'sunny',
  'swift',
  'tidy',
  'trim',
  'true',
  'wise',
  'witty',
] as const;

const nouns = [
  'anchor',
  'barque',
  'beacon',
  'binnacle',
  'bosun',
  'bowline',
  'brig',
  'buoy',
  'capstan',
  'clipper',
  'cog',
  'compass',
  'coxswain',
  'cutter',
  'dinghy',
  'dory',
  'ferry',
  'fluyt',
  'frigate',
  'galleon',
  'galley',
  'gannet',
  'halyard',
  'harbour',
  'hawser',
  'heron',
  'hulk',
  'jetty',
  'keel',
  'ketch',
  'lantern',
  'ledger',
  'lighter',
  'lugger',
  'mainsail',
  'mast',
  'mooring',
  'oar',
  'pilot',
  'pinnace',
  'plover',
  'quay',
  'rudder',
  'schooner',
  'sextant',
  'skiff',
  'sloop',
  'spar',
  'tern',
  'tide',
  'tiller',
  'topsail',
  'trawler',
  'tug',
  'wherry',
  'winch',
  'windlass',
  'yawl',
] as const;

/** 64 hexadecimal digits, as Docker's ids. */
export function createContainerId(): ContainerId {
  return randomBytes(32).toString('hex') as ContainerId;
}

export function createExecId(): ExecId {
  return randomBytes(32).toString('hex') as ExecId;
}

/** A name such as `brisk_sextant` that `isTaken` does not know; after ten collisions it gets a number. */
export function createName(isTaken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const pair = `${adjectives[randomInt(adjectives.length)]}_${nouns[randomInt(nouns.length)]}`;
    const name = attempt < 10 ? pair : `${pair}${randomInt(1_000_000)}`;
    if (!isTaken(name)) return name;
  }
}

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Docker's rule for container names; a leading slash is dropped. */
export function parseContainerName(text: string): string {
  const name = text.startsWith('/') ? text.slice(1) : text;
  if (namePattern.test(name) && name.length <= 255) return name;
  throw new OrlopError(
    'invalid-argument',
    'ENGINE_NAME_INVALID',
    `Invalid container name (${text}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    {
      hint: 'use at least two letters, digits, dots, dashes or underscores',
    },
  );
}
