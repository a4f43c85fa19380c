import { createHash } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { createHttpServer } from '#api/http';
import {
  buildRoutes,
  dockerHeaders,
  dockerRoutes,
  dockerVersions,
  fileRoutes,
  networkRoutes,
  storeRoutes,
  volumeRoutes,
} from '#api/docker';
import { buildkitRoutes } from '#api/buildkit';
import {
  orlopBootRoutes,
  orlopBuildRoutes,
  orlopDeviceRoutes,
  orlopDiskLimitRoutes,
  orlopExecRoutes,
  orlopFileRoutes,
  orlopLeaseRoutes,
  orlopLxdRoutes,
  orlopPortRoutes,
  orlopRoutes,
  orlopSnapshotRoutes,
  orlopSettingRoutes,
  orlopShutdownRoutes,
  orlopStoreRoutes,
} from '#api/orlop';
import { openEngine } from '#engine';
import { isOrlopError, OrlopError } from '#errors';
import { createImages, createLxdImages, createMmdebstrap, createTemplateBuilder, createTemplates, createTransfers } from '#image';
import type { Logger } from '#log';
import { openNetworks } from '#network';
import { createDownloads, createRegistryClient } from '#registry';
import { detectCgroupLayout } from '#runtime';
import { openStore } from '#store';
import { loadAddon, lockFile, openBosun, removeTree, type Addon } from '#sys';
import { detectInit } from '#system';
import { openVolumes } from '#volume';
import type { EngineArguments } from './arguments.ts';
import { findBosun } from './bosun.ts';
import { findProgram } from './find-program.ts';
import { clearEngine } from './clear.ts';
import { checkHost } from './host-check.ts';
import { readRemotes } from './remotes.ts';
import { readRegistrySettings } from './registry-settings.ts';
import { runProgram } from './run-program.ts';
import { createNetworkState } from './network-state.ts';
import { readTlsFiles } from './tls-files.ts';

export interface Parts extends AsyncDisposable {
  /** Opens the sockets: clients are served from here on. */
  listen(): Promise<void>;
  /** Serves no more, and removes all containers and all networks but those that always are. Says what stays and goes on. */
  clear(): Promise<void>;
}

/** Opens every room that the engine needs and joins them; disposing closes them in the opposite order and leaves containers running. */
export async function openParts(options: EngineArguments & { version: string; buildId: string }, logger: Logger): Promise<Parts> {
  await using undo = new AsyncDisposableStack();
  const addon = loadAddon();
  undo.use(lockRoot(addon, options.dataRoot));
  const host = await checkHost(addon, options.dataRoot);
  const bosunFile = findBosun();
  const bosun = undo.adopt(openBosun(addon, bosunFile), (opened) => opened.close()).path;
  const store = undo.use(await openStore({ root: options.dataRoot, addon, logger, snapshots: options.storageDriver }));
  const mark = markOf(options.dataRoot);
  const networks = undo.use(
    await openNetworks({
      addon,
      prefix: `orl${mark.slice(0, 6)}`,
      state: createNetworkState(store.metadata),
      logger,
      publishAddresses: options.publishAddresses,
    }),
  );
  const volumes = undo.use(await openVolumes({ addon, root: join(options.dataRoot, 'volumes'), logger }));
  const images = createImages(store, { logger });
  const registries = undo.use(
    createRegistryClient({
      settings: readRegistrySettings(options.registriesFile),
      env: process.env,
      userAgent: `orlop/${options.version}`,
      logger,
    }),
  );
  const downloads = undo.use(createDownloads({ env: process.env, userAgent: `orlop/${options.version}`, logger }));
  const lxd = createLxdImages({
    store,
    images,
    run: runProgram,
    detectInit: (directory) => initIn(addon, directory),
    removeTree: (path) => removeTree(addon, path),
    remotes: readRemotes(options.remotesFile),
    downloads,
  });
  const recipes = createTemplates(options.templatesDirectory);
  const engine = undo.use(
    await openEngine({
      addon,
      bosun,
      bosunFile,
      dataRoot: options.dataRoot,
      execRoot: options.execRoot,
      store,
      networks,
      volumes,
      cgroups: detectCgroupLayout(),
      cgroupParent: `orlop-${mark}`,
      images,
      recipes,
      templates: createTemplateBuilder({
        store,
        images,
        templates: recipes,
        packager: createMmdebstrap({ run: runProgram }),
        run: runProgram,
      }),
      lxd,
      downloads,
      transfers: createTransfers({ store, images, registries }),
      version: options.version,
      buildId: options.buildId,
      ...host,
      sandboxesReady: options.sandboxesReady,
      logging: options.logging,
      cdiDirectories: options.cdiDirectories,
      lxcfsProgram: findProgram('lxcfs'),
      logger,
    }),
  );
  const buildkit = buildkitRoutes(engine, { version: options.version, logger });
  const server = undo.use(
    createHttpServer({
      routes: [
        ...fileRoutes(engine),
        ...storeRoutes(engine),
        ...buildkit.routes,
        ...buildRoutes(engine, buildkit.build),
        ...volumeRoutes(engine),
        ...networkRoutes(engine),
        ...dockerRoutes(engine),
        ...orlopRoutes(engine),
        ...orlopPortRoutes(engine),
        ...orlopDiskLimitRoutes(engine),
        ...orlopSnapshotRoutes(engine),
        ...orlopSettingRoutes(engine),
        ...orlopDeviceRoutes(engine),
        ...orlopShutdownRoutes({ shutdown: () => engine.shutdown(), end: () => void process.kill(process.pid, 'SIGTERM') }),
        ...orlopStoreRoutes(engine),
        ...orlopLxdRoutes(engine),
        ...orlopLeaseRoutes(engine),
        ...orlopExecRoutes(engine),
        ...orlopFileRoutes(engine),
        ...orlopBootRoutes(engine),
        ...orlopBuildRoutes(engine),
      ],
      logger,
      headers: dockerHeaders(options.version),
      versions: dockerVersions,
      group: options.group,
      tls: options.tls === null ? null : readTlsFiles(options.tls),
    }),
  );
  const { pidfile } = options;
  if (pidfile !== null) undo.use(lockFile(addon, pidfile));
  const parts = undo.move();
  return {
    async listen() {
      for (const host of options.hosts) await server.listen(host);
    },
    async clear() {
      await server.close();
      await clearEngine(engine, logger);
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

function initIn(addon: Addon, directory: string): string | null {
  const root = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return detectInit(addon, root);
  } finally {
    closeSync(root);
  }
}

function lockRoot(addon: Addon, dataRoot: string): Disposable {
  try {
    return lockFile(addon, join(dataRoot, 'orlopd.lock'));
  } catch (cause) {
    if (!isOrlopError(cause, 'conflict')) throw cause;
    throw new OrlopError('conflict', 'ORLOPD_ROOT_IN_USE', `another engine uses the data root ${dataRoot}`, {
      hint: 'stop it, or give this one another --data-root and --exec-root',
      cause,
    });
  }
}

/** What tells this engine's cgroups, links and tables from another's: eight hexadecimal digits that follow from the data root. */
function markOf(dataRoot: string): string {
  return createHash('sha256').update(dataRoot).digest('hex').slice(0, 8);
}
