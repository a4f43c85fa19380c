import type { Engine } from './model.ts';

type Verb<Arguments extends readonly unknown[], Result> = (...args: Arguments) => Promise<Result>;

/**
 * Verbs whose answer promises that something is there, or is gone, answer when that is on disk (`flushed`). The others have nothing that a power cut leaves
 * standing: what runs has ended by then. Volumes bring their records to disk themselves.
 */
export function withLastingChanges(engine: Engine, flushed: () => Promise<void>): Engine {
  const lasting =
    <Arguments extends readonly unknown[], Result>(verb: Verb<Arguments, Result>): Verb<Arguments, Result> =>
    async (...args) => {
      const result = await verb(...args);
      await flushed();
      return result;
    };
  const { containers, snapshots, networks, images, archives, disk, registries, lxd, templates, settings, devices } = engine;
  const create = lasting(containers.create);
  return {
    ...engine,
    containers: {
      ...containers,
      // What goes at its end is gone after a power cut, too: nobody waits for its row.
      create: (request) => (request.autoRemove === true ? containers.create(request) : create(request)),
      rename: lasting(containers.rename),
      update: lasting(containers.update),
      remove: lasting(containers.remove),
      removeLink: lasting(containers.removeLink),
      changePorts: lasting(containers.changePorts),
      resizeDisk: lasting(containers.resizeDisk),
    },
    snapshots: {
      ...snapshots,
      take: lasting(snapshots.take),
      restore: lasting(snapshots.restore),
      rename: lasting(snapshots.rename),
      change: lasting(snapshots.change),
      remove: lasting(snapshots.remove),
      setSchedule: lasting(snapshots.setSchedule),
      copy: lasting(snapshots.copy),
      publish: lasting(snapshots.publish),
      rebuild: lasting(snapshots.rebuild),
      restoreBackup: lasting(snapshots.restoreBackup),
    },
    networks: {
      ...networks,
      create: lasting(networks.create),
      remove: lasting(networks.remove),
      connect: lasting(networks.connect),
      disconnect: lasting(networks.disconnect),
      prune: lasting(networks.prune),
    },
    images: { ...images, remove: lasting(images.remove), tag: lasting(images.tag), importRoot: lasting(images.importRoot) },
    archives: { ...archives, load: lasting(archives.load), commit: lasting(archives.commit) },
    registries: { ...registries, pull: lasting(registries.pull) },
    lxd: { import: lasting(lxd.import), fetch: lasting(lxd.fetch) },
    templates: { ...templates, build: lasting(templates.build) },
    disk: { ...disk, pruneContainers: lasting(disk.pruneContainers), pruneImages: lasting(disk.pruneImages) },
    devices: { ...devices, add: lasting(devices.add), change: lasting(devices.change), remove: lasting(devices.remove) },
    settings: {
      ...settings,
      change: lasting(settings.change),
      writeDocument: lasting(settings.writeDocument),
      profiles: {
        ...settings.profiles,
        change: lasting(settings.profiles.change),
        writeDocument: lasting(settings.profiles.writeDocument),
        remove: lasting(settings.profiles.remove),
      },
    },
    launch: lasting(engine.launch),
  };
}
