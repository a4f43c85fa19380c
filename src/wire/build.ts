import type { Limits, Progress, Ulimit } from './views.ts';

/** Where files come from that are not in the main context. */
export type NamedContext =
  /** Sent along: the stream of this number in the request's body. */
  | { readonly kind: 'sent'; readonly stream: number }
  | { readonly kind: 'image'; readonly reference: string }
  /** A Git repository or an archive. */
  | { readonly kind: 'remote'; readonly url: string };

/** What becomes of the result. `image`: it is kept and named; the others are handed out, `files` one by one and the rest as an archive. */
export type BuildOutput = 'image' | 'docker' | 'oci' | 'tar' | 'files' | 'none';

/** Where steps are found that were made elsewhere. Directories are OCI layouts on the engine's machine, absolute. */
export type CacheSource =
  /** An image of this engine that has its steps in it, or a reference at a registry: a cache of its own, or such an image. */
  | { readonly kind: 'registry'; readonly reference: string }
  | { readonly kind: 'image'; readonly reference: string }
  | { readonly kind: 'local'; readonly directory: string; readonly tag?: string };

/** Where a build leaves what its steps made. `inline`: in the image itself, and only steps of the image. */
export type CacheTarget = (
  | { readonly kind: 'registry'; readonly reference: string }
  | { readonly kind: 'local'; readonly directory: string; readonly tag?: string }
  | { readonly kind: 'inline' }
) & {
  /** `min`: only steps of the result. */
  readonly mode: 'min' | 'max';
  /** The build does not fail when it cannot be left there. */
  readonly ignoreErrors?: boolean;
};

/** What a client asks to be built. */
export interface BuildRequest {
  /** Path in the context; `Dockerfile` when absent. */
  readonly dockerfile?: string;
  /** Its text, in place of one in the context. */
  readonly dockerfileText?: string;
  /** The text of the file that says what of the context is ignored, in place of one in the context. */
  readonly ignoreText?: string;
  /** The context, or a Dockerfile, at this address in place of what was sent. */
  readonly remote?: string;
  /** The context is sent; without it and without `remote` it is empty. */
  readonly contextSent?: boolean;
  readonly namedContexts?: Readonly<Record<string, NamedContext>>;
  readonly names?: readonly string[];
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly target?: string;
  /** `linux/arm64`; absent: the machine's own. */
  readonly platform?: string;
  readonly noCache?: boolean;
  /** Stages, by name, whose steps are done again. */
  readonly noCacheFilter?: readonly string[];
  readonly cacheFrom?: readonly CacheSource[];
  readonly cacheTo?: readonly CacheTarget[];
  /** Base images are asked for at their registries also when they are here. */
  readonly pull?: boolean;
  readonly squash?: boolean;
  readonly network?: string;
  readonly extraHosts?: readonly string[];
  readonly dns?: readonly string[];
  readonly limits?: Limits;
  readonly ulimits?: readonly Ulimit[];
  readonly shmSizeBytes?: number;
  /** Content in base64, by id. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Sockets of SSH agents on the engine's machine, by id. */
  readonly ssh?: Readonly<Record<string, string>>;
  /** What needs a word of its own: `security.insecure`, `network.host`. */
  readonly allow?: readonly string[];
  /** Seconds since the epoch. */
  readonly sourceDateEpoch?: number;
  readonly output?: BuildOutput;
  /** Only the checks: nothing runs. */
  readonly check?: boolean;
  /** Only what the Dockerfile says of itself: nothing runs. */
  readonly describe?: BuildDescription['kind'];
  /** The root of a step that failed is kept as an image, whose id is in the error's details. */
  readonly keepFailed?: boolean;
  /** One step at a time, in the order of the file, as Docker's first builder. */
  readonly sequential?: boolean;
  /** Containers of steps stay, ended. */
  readonly keepSteps?: boolean;
}

/** Lines of a Dockerfile, 1-based, both inclusive. */
export interface BuildLines {
  readonly first: number;
  readonly last: number;
}

export interface BuildWarning {
  readonly rule: string;
  readonly message: string;
  readonly lines: BuildLines;
  readonly url?: string;
  /** The lines themselves, ready to be shown. */
  readonly excerpt?: string;
}

/** What is known of a step when it begins. */
export interface BuildStepView {
  /** Unique in the build. */
  readonly step: string;
  /** As written in the Dockerfile, or what is done beside it. */
  readonly text: string;
  readonly instruction: string;
  /** Of the stage; empty for one without a name and for what belongs to none. */
  readonly stage: string;
  /** Counted in its stage, FROM included, from 1; 0 for what is only configuration or no step of the file. */
  readonly number: number;
  readonly of: number;
  /** Counted over all stages that are built, from 1; 0 as above. */
  readonly line: number;
  readonly lines: number;
  /** It is an ONBUILD trigger of the base: which, from 1, of how many. Its line is that of FROM. */
  readonly trigger?: { readonly number: number; readonly of: number };
}

/** What happens during a build, in order. Times are ms since the epoch. */
export type BuildEvent =
  | ({ readonly type: 'start'; readonly atMs: number } & BuildStepView)
  | { readonly type: 'container'; readonly step: string; readonly id: string }
  | { readonly type: 'log'; readonly step: string; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly type: 'progress'; readonly step: string; readonly progress: Progress }
  | {
      readonly type: 'end';
      readonly step: string;
      readonly atMs: number;
      readonly cached: boolean;
      /** Tells apart what there is after each step. */
      readonly state: string;
      readonly error?: string;
    }
  | { readonly type: 'warning'; readonly warning: BuildWarning }
  | { readonly type: 'notice'; readonly text: string }
  | { readonly type: 'source'; readonly name: string; readonly text: string };

export interface BuildResult {
  readonly buildId: string;
  /** The image's; empty when there is none. */
  readonly id: string;
  /** The manifest's digest; empty likewise. */
  readonly digest: string;
  /** Familiar references. */
  readonly names: readonly string[];
  readonly warnings: readonly BuildWarning[];
  /** What was asked for with `describe`. */
  readonly description?: BuildDescription;
}

/** Stages that can be built (`targets`), or what one takes from whoever builds it (`outline`). */
export interface BuildDescription {
  readonly kind: 'targets' | 'outline';
  readonly targets?: readonly DescribedTarget[];
  /** The target's; empty when it has none. */
  readonly name?: string;
  readonly description?: string;
  readonly args?: readonly DescribedArgument[];
  readonly secrets?: readonly DescribedMount[];
  readonly agents?: readonly DescribedMount[];
  readonly caches?: readonly DescribedMount[];
}

export interface DescribedTarget {
  /** Empty: it has none. */
  readonly name: string;
  /** From the comment above it. */
  readonly description: string;
  /** As written. */
  readonly base: string;
  readonly platform?: string;
  /** It is built when no other is asked for. */
  readonly isDefault: boolean;
  readonly lines: BuildLines;
}

export interface DescribedArgument {
  readonly name: string;
  readonly description: string;
  readonly value?: string;
  readonly lines: BuildLines;
}

/** A secret, an agent or a cache, by its id. */
export interface DescribedMount {
  readonly id: string;
  readonly required: boolean;
  readonly lines: BuildLines;
}

/** A build that was made or tried, as `build history` shows it. */
export interface BuildRecordView {
  readonly id: string;
  readonly name: string;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly status: 'running' | 'done' | 'failed' | 'cancelled';
  readonly error: string;
  readonly imageId: string;
  readonly steps: readonly {
    readonly text: string;
    readonly stage: string;
    readonly startedMs: number;
    readonly endedMs: number;
    readonly cached: boolean;
  }[];
}

/** What a build has told, and when. */
export interface ToldEvent {
  readonly atMs: number;
  readonly event: BuildEvent;
}

/** One thing that builds keep. */
export interface BuildCacheView {
  readonly id: string;
  readonly type: 'regular' | 'exec.cachemount' | 'source.local';
  readonly description: string;
  readonly sizeBytes: number;
  readonly createdMs: number;
  readonly usedMs: number;
  readonly uses: number;
  /** A build uses it at this moment. */
  readonly inUse: boolean;
  /** Images need it as well. */
  readonly shared: boolean;
}

export interface BuildPruneOptions {
  /** Also what images need: the next build of the same would begin anew. */
  readonly all?: boolean;
  /** Only what was not used since. */
  readonly usedBeforeMs?: number;
  /** As much may stay, the most recently used. */
  readonly keepBytes?: number;
  readonly ids?: readonly string[];
  readonly types?: readonly string[];
}
