import type { Client } from '#client';
import { OrlopError } from '#errors';
import { checkDevice, type DeviceConfig, type ProfileChange } from '#wire';
import { usageError } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { parsePairs } from '../values/pairs.ts';

/** `orlop profile device add|set|rm` */
export const profileDevice: Verb = async ({ args, io, client }) => {
  const [action = '', profile = '', ...words] = args.positionals;
  const plan = plans.get(action);
  if (plan === undefined) throw usageError(`unknown command: profile device ${action}`);
  const engine = await client();
  const changed = await engine.profiles.change(profile, await plan(engine, profile, words));
  if (args.flag('json')) await printJson(io, changed);
  else for (const warning of changed.warnings) await write(io.stderr, `WARNING: ${warning}\n`);
  return exitCodes.ok;
};

type Plan = (client: Client, profile: string, words: readonly string[]) => Promise<ProfileChange>;

const plans: ReadonlyMap<string, Plan> = new Map([
  ['add', add],
  ['set', set],
  ['rm', remove],
  ['remove', remove],
]);

async function add(client: Client, profile: string, [device = '', type = '', ...pairs]: readonly string[]): Promise<ProfileChange> {
  if (type === '') throw usageError('"orlop profile device add" needs a type: see orlop profile device --help');
  const config = checkDevice(device, { ...parsePairs('device', pairs), type });
  if ((await find(client, profile, device)) === undefined) return { devices: { [device]: config } };
  throw new OrlopError('conflict', 'DEVICE_EXISTS', `profile ${profile} has a device ${device} already`, {
    hint: `change it with: orlop profile device set ${profile} ${device}`,
  });
}

async function set(client: Client, profile: string, [device = '', ...pairs]: readonly string[]): Promise<ProfileChange> {
  if (pairs.length === 0) throw usageError('"orlop profile device set" needs what is to be changed: KEY=VALUE');
  const old = await find(client, profile, device);
  if (old !== undefined) {
    return { devices: { [device]: checkDevice(device, { ...old, ...parsePairs('device', pairs), type: old['type'] ?? '' }) } };
  }
  throw new OrlopError('not-found', 'DEVICE_NOT_FOUND', `profile ${profile} has no device ${device}`, {
    hint: `see them with: orlop profile show ${profile}`,
  });
}

function remove(_client: Client, _profile: string, words: readonly string[]): Promise<ProfileChange> {
  return Promise.resolve({ withoutDevices: words });
}

async function find({ profiles }: Client, profile: string, device: string): Promise<DeviceConfig | undefined> {
  return (await profiles.inspect(profile)).devices?.[device];
}
