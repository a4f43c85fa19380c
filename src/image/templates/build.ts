import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OrlopError } from '#errors';
import { formatReference, type HistoryEntry, parseReference, type Platform, platformOfNodeArch } from '#oci';
import { layerFromTrees, type Lease, type Store } from '#store';
import { addLayer } from '../add-layer.ts';
import type { ImageLayer, Images, Progress } from '../types.ts';
import { nameImages, writeImage } from '../write.ts';
import { planBusyboxRoots } from './busybox.ts';
import { createShared } from './joined.ts';
import { planOverrides } from './overrides.ts';
import type { TemplateChoice, Templates } from './recipes.ts';
import { writeTree } from './tree.ts';
import type { DebianSource, Packager, RunProgram, TemplateBuilder, TemplateOverrides, TemplateVariant } from './types.ts';

export interface TemplateBuilderOptions {
  readonly store: Store;
  readonly images: Images;
  readonly templates: Templates;
  readonly packager: Packager;
  readonly run: RunProgram;
  readonly platform?: Platform;
  /** The age of the youngest file; today's midnight (UTC) without it, so that a day's builds are alike. */
  readonly now?: () => Date;
}

/** What one build works with. */
interface Build {
  readonly store: Store;
  readonly lease: Lease;
  readonly scratch: string;
  /** Seconds since 1970. */
  readonly epoch: number;
  readonly emit: Progress;
  readonly signal: AbortSignal;
}

/** What makes two builds one. */
interface Task extends TemplateOverrides {
  readonly template: string;
}

/** See `TemplateBuilder`. */
export function createTemplateBuilder(options: TemplateBuilderOptions): TemplateBuilder {
  const shared = createShared<string, Parameters<Progress>[0], string[]>((key, emit, signal) => {
    const { template, ...overrides } = JSON.parse(key) as Task;
    return buildAndName(options, planOverrides(options.templates.find(template), overrides), emit, signal, overrides.sourceDateEpoch);
  });
  return {
    async build({ progress, signal, ...task }) {
      const { template, mirror, staleMirror, sourceDateEpoch } = task;
      planOverrides(options.templates.find(template), task);
      const caller = { ...(progress === undefined ? {} : { onEvent: progress }), ...(signal === undefined ? {} : { signal }) };
      try {
        const names = await shared.run(JSON.stringify({ template, mirror, staleMirror, sourceDateEpoch } satisfies Nullable<Task>), caller);
        return names.map((name) => options.images.resolve(name));
      } catch (error) {
        throw signal?.aborted === true ? cancelled(template, error) : error;
      }
    },
  };
}

type Nullable<T> = { readonly [K in keyof T]: T[K] | undefined };

async function buildAndName(
  options: TemplateBuilderOptions,
  choice: TemplateChoice,
  emit: Progress,
  signal: AbortSignal,
  sourceDateEpoch?: number,
): Promise<string[]> {
  const { store } = options;
  await using undo = new AsyncDisposableStack();
  const lease = undo.use(store.leases.create());
  const epoch = sourceDateEpoch ?? Math.floor((options.now?.() ?? new Date()).getTime() / 86_400_000) * 86_400;
  // Emptied whenever the store is opened, so that a build that was killed leaves nothing.
  const scratch = await mkdtemp(join(store.root, 'ingest', 'template-'));
  undo.defer(() => rm(scratch, { recursive: true, force: true }));
  const build: Build = { store, lease, scratch, epoch, emit, signal };
  const layers = await makeLayers(options, choice, build);
  const named = [];
  for (const variant of choice.variants) {
    const target = await writeVariant(options, choice, build, variant, stackOf(variant, layers));
    named.push({ name: formatReference(parseReference(variant.reference)), target, kind: variant.kind });
  }
  signal.throwIfAborted();
  nameImages(store, named);
  for (const { reference } of choice.variants) emit({ id: reference, status: 'Complete' });
  return named.map(({ name }) => name);
}

/** What each variant adds, by its name. */
type VariantLayers = ReadonlyMap<string, ImageLayer>;

/** The layers of a variant, those below it first. */
function stackOf({ base, name }: TemplateVariant, layers: VariantLayers): ImageLayer[] {
  return [base, name].flatMap((part) => (part === null ? [] : (layers.get(part) ?? [])));
}

function makeLayers(options: TemplateBuilderOptions, choice: TemplateChoice, build: Build): Promise<VariantLayers> {
  const { source } = choice.template;
  return source.type === 'debian'
    ? packagedLayers(options.packager, source, choice.variants, build)
    : busyboxLayers(options.run, choice.variants, build);
}

async function packagedLayers(
  packager: Packager,
  source: DebianSource,
  variants: readonly TemplateVariant[],
  build: Build,
): Promise<VariantLayers> {
  const roots = await allOrNone(build.signal, variants, async (variant, signal) => {
    const directory = join(build.scratch, variant.name);
    await mkdir(directory);
    const output = join(directory, 'root.tar');
    const onStatus = (status: string): void => build.emit({ id: variant.reference, status });
    await packager.build({ ...variant, source, epoch: build.epoch, output }, { onStatus, signal });
    return { variant, file: output };
  });
  const files = new Map(roots.map(({ variant, file }) => [variant.name, file]));
  const layers = new Map<string, ImageLayer>();
  for (const { variant, file } of roots) {
    const { name, base, reference } = variant;
    const below = base === null ? undefined : files.get(base);
    const tar = below === undefined ? createReadStream(file, { highWaterMark: 1 << 20 }) : layerFromTrees({ file: below }, { file });
    const total = below === undefined ? (await stat(file)).size : undefined;
    layers.set(name, await storeLayer(build, reference, tar, stackOf(variant, layers), total));
  }
  return layers;
}

async function busyboxLayers(run: RunProgram, variants: readonly TemplateVariant[], build: Build): Promise<VariantLayers> {
  const roots = await planBusyboxRoots(run);
  const layers = new Map<string, ImageLayer>();
  for (const variant of variants) {
    const { name, reference } = variant;
    const directory = join(build.scratch, name);
    await mkdir(directory);
    await writeTree(directory, name === 'app' ? roots.app : roots.system, build.epoch);
    layers.set(name, await storeLayer(build, reference, build.store.layers.pack(directory), stackOf(variant, layers)));
  }
  return layers;
}

function storeLayer(
  build: Build,
  id: string,
  tar: AsyncIterable<Uint8Array>,
  below: readonly ImageLayer[],
  total?: number,
): Promise<ImageLayer> {
  const onProgress = (step: 'store' | 'unpack', current: number): void =>
    build.emit({
      id,
      status: step === 'store' ? 'Storing' : 'Unpacking',
      current,
      ...(total === undefined || step === 'unpack' ? {} : { total }),
    });
  return addLayer(build.store, build.lease, tar, { below, signal: build.signal, onProgress });
}

function writeVariant(
  options: TemplateBuilderOptions,
  { template, variants }: TemplateChoice,
  { store, lease, epoch }: Build,
  variant: TemplateVariant,
  layers: readonly ImageLayer[],
): ReturnType<typeof writeImage> {
  const created = new Date(epoch * 1000).toISOString();
  const steps = variants.filter(({ name }) => name === variant.base || name === variant.name);
  const history = steps.map(
    ({ name, packages }): HistoryEntry => ({
      created,
      created_by: `orlop template build ${template.name}/${name}`,
      ...(packages.length === 0 ? {} : { comment: `with ${packages.join(' ')}` }),
    }),
  );
  return writeImage(store, lease, {
    layers,
    config: variant.config,
    history,
    created,
    platform: options.platform ?? platformOfNodeArch(process.arch),
  });
}

/** Does all at once; when one fails the others are stopped and waited for, then the first failure is thrown. */
async function allOrNone<T, R>(signal: AbortSignal, items: readonly T[], work: (item: T, signal: AbortSignal) => Promise<R>): Promise<R[]> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  let first: { readonly error: unknown } | undefined;
  const results = items.map((item) =>
    work(item, either).catch((error: unknown) => {
      first ??= { error };
      stop.abort();
      return undefined;
    }),
  );
  const done = await Promise.all(results);
  if (first !== undefined) throw first.error;
  return done as R[];
}

function cancelled(template: string, cause: unknown): OrlopError {
  return new OrlopError('cancelled', 'IMAGE_BUILD_CANCELLED', `building template "${template}" was cancelled`, { cause });
}
