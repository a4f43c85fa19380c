import type { Descriptor, Digest, HistoryEntry, ImageConfig, Platform } from '#oci';
import type { ChainId } from '#store';
import type { BuildEvent, Progress } from '#wire';
import type { CompiledStage, CopyStep, FileSource, RunStep, StageConfig, WorkdirStep } from './model.ts';

/** One layer of a root. */
export interface RootLayer {
  readonly diffId: Digest;
  readonly chainId: ChainId;
  /** Its blob, where there is one; else it is packed when an image needs it. */
  readonly descriptor: Descriptor | null;
  /** The step that made it; null: it is a base image's. */
  readonly key: string | null;
}

/** A file system between two steps. */
export interface Root {
  /** null: empty. */
  readonly chain: ChainId | null;
  /** Base first. */
  readonly layers: readonly RootLayer[];
}

export const emptyRoot: Root = { chain: null, layers: [] };

export interface BaseImage {
  readonly root: Root;
  readonly config: ImageConfig;
  /** The image's id. */
  readonly id: Digest;
  readonly history: readonly HistoryEntry[];
}

/** What FROM and `--from` name: an image, or a context that the client has given a name. */
export type ImageSource = { readonly kind: 'image'; readonly reference: string } | { readonly kind: 'context'; readonly name: string };

/** Images as builds need them. */
export interface BuildImages {
  /** Unpacked and kept as long as the build runs; pulled when it is not here, or when the build is to ask for newer ones. `of`: for progress. */
  base(source: ImageSource, platform: Platform, of: StepContext): Promise<BaseImage>;
  /** Its layers are going to be those of the result: their blobs may be made while further steps run. */
  foresee(root: Root): void;
}

/** A step that runs: who hears of it, and when it is given up. */
export interface StepContext {
  readonly step: string;
  readonly signal: AbortSignal;
  readonly log: (stream: 'stdout' | 'stderr', text: string) => void;
  readonly progress: (progress: Progress) => void;
  readonly container: (id: string) => void;
}

/** Files that a step takes from somewhere else: the root of a stage or an image, or a context. */
export type SourceTree = { readonly kind: 'root'; readonly root: Root } | { readonly kind: 'context'; readonly name: string | null };

/** Where the sources of a step are, resolved. */
export type SourceOf = (from: FileSource) => SourceTree;

/**
 * Carries steps out. Each makes at most one layer on top of `root`, and answers null when it changes nothing. What fails leaves nothing. The context of a stage gives the image's
 * config before the step where users are looked up by name.
 */
export interface Executor {
  run(step: RunStep, on: Work): Promise<NewLayer | null>;
  copy(step: CopyStep, on: Work): Promise<NewLayer | null>;
  makeDirectory(step: WorkdirStep, on: Work): Promise<NewLayer | null>;
  /** Fails as Docker's first builder does for a volume where the root has something else than a directory. */
  checkVolumes(paths: readonly string[], root: Root): Promise<void>;
  /** The same layer, which was made on nothing, on top of a root. */
  putOn(layer: NewLayer, root: Root): NewLayer;
  /** One digest of everything that a COPY or ADD would take, without its name and place in the target: `file:…`, `dir:…` or, of several, `multi:…`. */
  digestSources(step: CopyStep, on: Work): Promise<string>;
  /** One digest of what a bind mount shows, or a cache begins with. */
  digestMount(from: FileSource, source: string, on: Work): Promise<string>;
}

/** Where a step works. */
export interface Work {
  readonly root: Root;
  readonly sources: SourceOf;
  /** What it makes is going to be in the result. */
  readonly isResult: boolean;
  readonly context: StepContext;
}

export interface NewLayer {
  readonly diffId: Digest;
  readonly chainId: ChainId;
  /** Its blob, where making it could not be put off. */
  readonly descriptor?: Descriptor;
}

/** What steps made, by what they depend on. Survives builds and engines. */
export interface StepCache {
  /** null: not known, or gone meanwhile. What is answered stays as long as the build. */
  get(key: string, on: NamedWork): Promise<CachedStep | null>;
  put(key: string, step: CachedStep & { readonly description: string }, on: NamedWork): void;
  /** Runs `work` unless another build is at the same step: then waits for that. false: nothing was done here. */
  alone<Result>(key: string, work: () => Promise<Result>): Promise<Result | undefined>;
}

/** `description`: what the step is called. */
export interface NamedWork extends Work {
  readonly description: string;
}

export interface CachedStep {
  /** null: the step changed nothing. */
  readonly layer: (Omit<NewLayer, 'descriptor'> & { readonly descriptor: Descriptor | null }) | null;
  /** ISO 8601. */
  readonly created: string;
}

export interface SolverPorts {
  readonly images: BuildImages;
  readonly executor: Executor;
  readonly cache: StepCache;
  readonly report: (event: BuildEvent) => void;
  /** ISO 8601. */
  readonly now: () => string;
}

/** What a stage came to. */
export interface SolvedStage {
  readonly root: Root;
  /** Of the base image; empty for none. */
  readonly base: Root;
  readonly config: StageConfig;
  /** Its steps; absent: it is a base image. */
  readonly compiled?: CompiledStage;
  readonly history: readonly HistoryEntry[];
  /** So many of its entries are the base image's. */
  readonly baseHistory: number;
  /** ISO 8601: of the last thing that was made. */
  readonly created: string;
}
