import { checkDevice, type DeviceConfig } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { parsePairs } from '../values/pairs.ts';
import { forEach } from './each.ts';

export const addDevice: Verb = async ({ args, io, client }) => {
  const [ref = '', device = '', type = '', ...pairs] = args.positionals;
  const config = checkDevice(device, { ...parsePairs('device', pairs), type });
  await (await client()).devices.add(ref, device, config);
  await (args.flag('json') ? printJson(io, { Name: device, ...config }) : write(io.stdout, `${device}\n`));
  return exitCodes.ok;
};

export const setDevice: Verb = async ({ args, io, client }) => {
  const [ref = '', device = '', ...pairs] = args.positionals;
  const { devices } = await client();
  await devices.change(ref, device, parsePairs('device', pairs));
  if (args.flag('json')) await printJson(io, { Name: device, ...(await devices.list(ref))[device] });
  return exitCodes.ok;
};

export const listDevices: Verb = async ({ args, io, client }) => {
  const { devices, profiles } = await (await client()).devices.show(args.positionals[0] ?? '');
  if (args.flag('json')) {
    await printJson(io, Object.fromEntries(Object.entries(devices).map(([name, config]) => [name, withOrigin(config, profiles[name])])));
    return exitCodes.ok;
  }
  const rows = Object.entries(devices).map(([Name, { type = '', ...others }]) => ({
    Name,
    Type: type,
    Config: Object.entries(others)
      .map(([key, value]) => `${key}=${value}`)
      .join(' '),
    Profile: profiles[Name] ?? '',
  }));
  await write(io.stdout, formatList(rows, { format: args.text('format'), columns: ['Name', 'Type', 'Profile', 'Config'], headers: {} }));
  return exitCodes.ok;
};

/** No key of a device is called so. */
function withOrigin(config: DeviceConfig, profile: string | undefined): DeviceConfig {
  return profile === undefined ? config : { ...config, profile };
}

export const removeDevices: Verb = async (invocation) => {
  const [ref = '', ...names] = invocation.args.positionals;
  const { devices } = await invocation.client();
  return forEach(
    invocation,
    async (device) => {
      await devices.remove(ref, device);
      return device;
    },
    names,
  );
};
