export type * from './views.ts';
export type * from './networks.ts';
export type * from './docker.ts';
export type * from './docker-host-config.ts';
export type * from './docker-networks.ts';
export type * from './orlop.ts';
export type * from './volumes.ts';
export type * from './devices.ts';
export { checkMountTarget, dockerMountOf, mountWishOf } from './mount-wishes.ts';
export { parseShortMount, shortOptionsOf } from './short-mounts.ts';
export { apiVersion, kindLabel, minimumApiVersion, multiplexedStreamType, rawStreamType } from './docker-version.ts';
export { createFrameDecoder, encodeFrame, frameHeader, type Frame, type FrameDecoder, type StreamName } from './frames.ts';
export { parseErrorBody, type ErrorBody } from './error-body.ts';
export { formatAge } from './age.ts';
export { formatDuration, formatLogTime, formatTime, parseDuration, parseTime, toSeconds, zeroTime } from './time.ts';
export { createDetachScanner, defaultDetachKeys, parseDetachKeys, type DetachScanner } from './detach-keys.ts';
export type * from './build.ts';
export type * from './sent-files.ts';
export {
  type BuildBody,
  type BuildLine,
  buildStreamType,
  decodeBuildBody,
  encodeBuildBody,
  type ReceivedBuild,
  type SentContext,
} from './build-stream.ts';
export type { Offer, OfferedContext, OfferedFile } from './offers.ts';
export type * from './moves.ts';
export type * from './registry.ts';
export type * from './files.ts';
export type * from './leases.ts';
export type * from './snapshots.ts';
export { bindToLease, leaseHeader, leaseLabel } from './leases.ts';
export { killedHeader, type StopRequest } from './stop.ts';
export type * from './health.ts';
export { toDockerHealthcheck } from './health.ts';
export type * from './stats.ts';
export { usageOf, type Usage } from './usage.ts';
export type * from './settings/types.ts';
export { canonicalSetting, findSetting, type SettingKey, settingKeys } from './settings/keys.ts';
export { formatPorts, parsePorts } from './settings/ports.ts';
export {
  type CpuShare,
  formatCpuShare,
  formatIoRate,
  formatSize,
  parseBitRate,
  parseCpuShare,
  parseIoRate,
  parsePercent,
  parseSeconds,
  parseSize,
} from './settings/values.ts';
export { parseProxy, type ProxyDevice, type ProxyEnd } from './settings/proxies.ts';
export { checkDevice, type DeviceConfig, type DeviceMap, type DevicesBody, type DeviceType, deviceTypes } from './settings/devices.ts';
