import { isErrno, OrlopError } from '#errors';
import type { LogTarget } from '#runtime';
import { LOCK_EX, type Addon, type MonitorConnection } from '#sys';
import { isActive, type ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import type { LogRecord, LogRequest } from '../model.ts';
import { attributesOf, formatAttributes } from './attributes.ts';
import { parseLogConfig, type LogSettings } from './config.ts';
import { createLogPacker } from './packer.ts';
import { readLog } from './read.ts';
import { recordParser } from './record.ts';
import { openRow } from './row.ts';

/** How a container's log is kept. Records of older engines say nothing of it. */
export function logSettingsOf({ request }: Pick<ContainerRecord, 'request'>): LogSettings {
  return parseLogConfig(request.logging ?? { driver: 'json-file', options: {} });
}

/** Fails as parseLogConfig and formatAttributes do, before anything is made. */
export function checkLog(record: ContainerRecord): void {
  formatAttributes(attributesOf(record, logSettingsOf(record).wishes));
}

/** What a container that starts is given to log to; null when nothing is kept. */
export function openLog(
  { addon }: Pick<EngineContext, 'addon'>,
  { record, files }: LiveContainer,
  borrow: (descriptor: number) => number,
): LogTarget | null {
  const settings = logSettingsOf(record);
  return openRow(files.logs, settings, attributesOf(record, settings.wishes), {
    borrow,
    isLocked: (directory) => !tryLock(addon, directory),
  });
}

/** Until the descriptor is closed. */
function tryLock(addon: Addon, descriptor: number): boolean {
  try {
    addon.flock(descriptor, LOCK_EX);
    return true;
  } catch (error) {
    if (isErrno(error, 'EAGAIN')) return false;
    throw error;
  }
}

/** Fails with unimplemented, at once, for a container whose log is not kept. */
export function readContainerLog(container: LiveContainer, request: LogRequest, signal: AbortSignal): AsyncIterable<LogRecord> {
  const { driver } = logSettingsOf(container.record);
  if (driver === 'none') {
    // Docker's words, whole: of this kind a hint would be among them.
    throw new OrlopError('unimplemented', 'ENGINE_LOG_UNREADABLE', 'configured logging driver does not support reading');
  }
  return readLog(
    {
      directory: container.files.logs,
      parse: recordParser(driver),
      isLive: () => isActive(container.record.state.status),
      onEnd(callback) {
        container.onExit.add(callback);
        return () => container.onExit.delete(callback);
      },
    },
    request,
    signal,
  );
}

/** Packs what a running container's log closes, and what is still unpacked of what was closed while no engine looked. */
export function followLog(context: EngineContext, container: LiveContainer, connection: MonitorConnection): void {
  if (!logSettingsOf(container.record).retention.compress) return;
  const packer = (container.packer ??= createLogPacker(container.files.logs, context.logger));
  connection.onLogRotated = () => packer.look();
  packer.look();
}
