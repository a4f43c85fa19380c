export {
  type CarrierConnection,
  type CarrierOptions,
  type CarrierPair,
  type CarrierState,
  type CarrierTarget,
  connectCarrier,
  spawnCarrier,
} from './carrier.ts';
export { readGuestFiles, type GuestFiles } from './look.ts';
export { type MonitorConnection } from './connection.ts';
export { openBosun, type BosunExecutable } from './executable.ts';
export { parseExitRecord, prepareMonitorDirectory, readExitRecord } from './exit-record.ts';
export { planFailure, planFailureOf, type PlanFailureDetails } from './failure.ts';
export { decodeFailure, type ExitRecord, type FailureFacts, type MonitorState, type MonitorStatus } from './frames.ts';
export {
  attachMonitor,
  attachMonitorExactly,
  connectMonitor,
  createAttachment,
  spawnMonitor,
  streamBits,
  type Attachment,
  type SpawnOptions,
  type SpawnedMonitor,
  type WantedStreams,
} from './monitor.ts';
export { spawnCreatorSync, type BlockingCreator, type ProcessPlans } from './sync.ts';
