import type { Client } from '#client';
import { isOrlopError, OrlopError } from '#errors';
import type { DockerVolume } from '#wire';
import { createName } from './names.ts';

export interface VolumeOptions {
  /** Made up without it. */
  readonly name?: string;
  readonly driver?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
}

/** A volume that is there. */
export interface Volume {
  readonly name: string;
  inspect(): Promise<DockerVolume>;
  /** conflict while a container mounts it. */
  remove(): Promise<void>;
}

/** A volume that goes, with its content, when it leaves scope; containers that mount it must have gone before. */
export interface OwnedVolume extends Volume, AsyncDisposable {
  /** It stays after all. */
  keep(): Volume;
}

export interface Volumes {
  /** A new one: already-exists when there is one of this name, whose content is somebody's. */
  create(options?: VolumeOptions): Promise<OwnedVolume>;
  /** It stays when this leaves scope. */
  get(name: string): Promise<Volume>;
  /** In Docker's fields. */
  list(): Promise<DockerVolume[]>;
}

/** Docker's API answers with a volume that was there as with one that it has made: by this label the two are told apart. */
const creationLabel = 'orlop.creation';

export function createVolumes(client: Client, creating: () => Promise<Client>): Volumes {
  const handle = (name: string): Volume => ({
    name,
    inspect: () => client.volumes.inspect(name),
    remove: () => client.volumes.remove(name),
  });
  return {
    async create({ name = createName(), driver, labels, options } = {}) {
      const creation = crypto.randomUUID();
      const made = await (await creating()).volumes.create({
        Name: name,
        Labels: { ...labels, [creationLabel]: creation },
        ...(driver === undefined ? {} : { Driver: driver }),
        ...(options === undefined ? {} : { DriverOpts: { ...options } }),
      });
      if (made.Labels?.[creationLabel] === creation) return own(handle(name));
      throw new OrlopError('already-exists', 'LIBRARY_VOLUME_EXISTS', `there is a volume ${name} already`, {
        hint: 'use it with volumes.get, or choose another name',
      });
    },
    async get(name) {
      await client.volumes.inspect(name);
      return handle(name);
    },
    list: () => client.volumes.list(),
  };
}

function own(volume: Volume): OwnedVolume {
  let isKept = false;
  return {
    ...volume,
    keep() {
      isKept = true;
      return volume;
    },
    async [Symbol.asyncDispose]() {
      if (isKept) return;
      await volume.remove().catch((error: unknown) => {
        if (!isOrlopError(error, 'not-found')) throw error;
      });
    },
  };
}
