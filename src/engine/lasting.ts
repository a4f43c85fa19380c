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
  const { containers, networks, images, archives, registries, lxd, templates } = engine;
  return {
    ...engine,
    containers: {
      ...containers,
      create: lasting(containers.create),
      rename: lasting(containers.rename),
      remove: lasting(containers.remove),
      changePorts: lasting(containers.changePorts),
      resizeDisk: lasting(containers.resizeDisk),
    },
    networks: {
      ...networks,
      create: lasting(networks.create),
      remove: lasting(networks.remove),
      connect: lasting(networks.connect),
      disconnect: lasting(networks.disconnect),
    },
    images: { ...images, remove: lasting(images.remove), tag: lasting(images.tag), importRoot: lasting(images.importRoot) },
    archives: { ...archives, load: lasting(archives.load), commit: lasting(archives.commit) },
    registries: { ...registries, pull: lasting(registries.pull) },
    lxd: { import: lasting(lxd.import), fetch: lasting(lxd.fetch) },
    templates: { ...templates, build: lasting(templates.build) },
    launch: lasting(engine.launch),
  };
}
