import { isOrlopError, OrlopError } from '#errors';
import { publishContainerEvent, saveRecord, type EngineContext } from '../context.ts';
import type { CreateRequest } from '../model.ts';
import type { ContainerRecord } from './record.ts';
import type { LiveContainer } from './table.ts';

const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };
/** What all file systems can keep a limit to. */
const granularityBytes = 4096;

/** Bytes of `--storage-opt size=10G`, powers of 1024 as Docker reads them; undefined: no limit. Other options are refused in Docker's words. */
export function diskSizeOf({ storageOptions = {} }: Pick<CreateRequest, 'storageOptions'>): number | undefined {
  let size: number | undefined;
  for (const [key, text] of Object.entries(storageOptions)) {
    if (key.toLowerCase() !== 'size') {
      throw new OrlopError('invalid-argument', 'ENGINE_STORAGE_OPTION', `Unknown option ${key}`, {
        hint: 'the storage option that there is: size',
      });
    }
    size = parseDiskSize(text);
  }
  return size;
}

function parseDiskSize(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([bkmgtp]?)(?:i?b)?$/i.exec(text) ?? [];
  const bytes = Math.ceil((Number(number) * (units[unit.toLowerCase()] ?? Number.NaN)) / granularityBytes) * granularityBytes;
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new OrlopError('invalid-argument', 'ENGINE_DISK_SIZE', `invalid size: '${text}'`, { hint: 'give a size such as 10G' });
}

/**
 * Gives a container a disk of another size, running or not. Written down first: what a kill leaves undone, its next start does. Fails as `Snapshotter.resize`.
 */
export async function resizeDisk(context: EngineContext, ref: string, sizeBytes: number): Promise<void> {
  const container = context.table.find(ref);
  const { id } = container.record;
  await context.queues.run(id, async () => {
    const { request } = container.record;
    const wanted = Math.ceil(sizeBytes / granularityBytes) * granularityBytes;
    const remember = (storageOptions: CreateRequest['storageOptions']): void => {
      const { storageOptions: _before, ...others } = container.record.request;
      saveRecord(context, container, {
        ...container.record,
        request: storageOptions === undefined ? others : { ...others, storageOptions },
      });
    };
    remember({ ...request.storageOptions, size: String(wanted) });
    try {
      await context.store.snapshots.resize(id, wanted);
    } catch (error) {
      remember(request.storageOptions);
      throw named(container, error);
    }
    publishContainerEvent(context, container, 'update');
  });
}

function named({ record }: LiveContainer, error: unknown): unknown {
  if (!isOrlopError(error)) return error;
  const { kind, code, message, hint } = error;
  return new OrlopError(kind, code, `container ${record.name}: ${message}`, { ...(hint === undefined ? {} : { hint }), cause: error });
}

/**
 * Before a start: the limit is what the record says, also when an engine was killed, or the host went down, while it changed. What cannot be done any more keeps no container
 * from starting.
 */
export async function settleDiskSize(context: EngineContext, { id, name, request }: ContainerRecord): Promise<void> {
  const size = diskSizeOf(request);
  if (size === undefined || context.store.snapshots.limitOf(id) === size) return;
  try {
    await context.store.snapshots.resize(id, size);
  } catch (error) {
    if (!isOrlopError(error, 'failed-precondition') && !isOrlopError(error, 'conflict')) throw error;
    context.logger.warn('the disk of a container has another size than it should', { container: name, sizeBytes: size, error });
  }
}
