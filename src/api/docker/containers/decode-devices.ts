import { OrlopError } from '#errors';
import type { JsonReader } from '#api/http';
import type { CreateRequest, DeviceRequest, DeviceWish } from '#wire';

type DevicePart = Pick<CreateRequest, 'devices' | 'deviceRules' | 'deviceRequests'>;

/** What a HostConfig says of devices. Whether the host has them is known at a start. */
export function decodeDevices(host: JsonReader): DevicePart {
  const devices = host.objects('Devices').map(decodeDevice);
  const deviceRules = host.texts('DeviceCgroupRules') ?? [];
  for (const rule of deviceRules) checkDeviceRule(rule);
  const deviceRequests = host.objects('DeviceRequests').map(decodeRequest);
  return {
    ...(devices.length === 0 ? {} : { devices }),
    ...(deviceRules.length === 0 ? {} : { deviceRules }),
    ...(deviceRequests.length === 0 ? {} : { deviceRequests }),
  };
}

function decodeDevice(device: JsonReader): DeviceWish {
  const source = device.text('PathOnHost');
  const target = device.text('PathInContainer') || source;
  const permissions = device.text('CgroupPermissions') || 'rwm';
  if (source === '') throw invalid('a device names no path on the host (PathOnHost)');
  if (!/^(?!.*(.).*\1)[rwm]{1,3}$/.test(permissions)) throw invalid(`invalid device mode: ${permissions}`);
  if (!target.startsWith('/')) throw invalid(`${target} is not an absolute path`);
  return { source, target, permissions };
}

/** Docker's words and grammar. */
function checkDeviceRule(rule: string): void {
  if (!/^[acb] (?:\d{1,10}|\*):(?:\d{1,10}|\*) [rwm]{1,3}$/.test(rule)) throw invalid(`invalid device cgroup rule format: '${rule}'`);
}

function decodeRequest(request: JsonReader): DeviceRequest {
  const sets = request.raw('Capabilities') ?? [];
  if (!Array.isArray(sets) || !sets.every(isTexts)) throw invalid('DeviceRequests.Capabilities must be lists of texts');
  const ids = request.texts('DeviceIDs') ?? [];
  const count = request.integer('Count');
  if (ids.length > 0 && count !== 0) throw invalid('cannot set both Count and DeviceIDs on device request');
  const options = request.textMap('Options');
  return { driver: request.text('Driver'), count, ids, capabilities: sets, ...(options === null ? {} : { options }) };
}

function isTexts(item: unknown): item is string[] {
  return Array.isArray(item) && item.every((word) => typeof word === 'string');
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'DOCKER_BAD_DEVICE', message);
}
