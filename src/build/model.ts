import type { ContainerConfig, Platform } from '#oci';
import type { CacheSharing, Dockerfile, Lines, RunNetwork, RunSecurity, Stage } from './dockerfile/model.ts';

export type { IgnoreMatcher } from '#ignore';
export type * from './dockerfile/model.ts';

/** What a plan of stages depends on beside the Dockerfile. */
export interface PlanOptions {
  /** A stage's name or index; the last stage when absent. */
  readonly target?: string;
  /** Plan all stages, needed or not: for checks. */
  readonly everyStage?: boolean;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** What is built for. */
  readonly platform: Platform;
  /** What builds. */
  readonly buildPlatform: Platform;
  /** Contexts that the client named: they stand for images and stages of that name. */
  readonly namedContexts: readonly string[];
  /**
   * ONBUILD triggers of base images, by the reference that a plan named them with, as far as they are known. Triggers may copy from
   * further stages and images: who finds some in a base's config plans again with them.
   */
  readonly triggers?: ReadonlyMap<string, readonly string[]>;
}

/** The stages that a target needs, each after all that it needs. */
export interface StagePlan {
  readonly file: Dockerfile;
  readonly options: PlanOptions;
  readonly stages: readonly PlannedStage[];
  /** Position in `stages`. */
  readonly target: number;
  /** Build arguments that no ARG of the file asks for and that are not predefined. */
  readonly unusedBuildArgs: readonly string[];
  /** The arguments that FROM saw: global ARGs and predefined ones, with their values. */
  readonly globals: ReadonlyMap<string, string>;
}

export interface PlannedStage {
  readonly stage: Stage;
  /** The client named a context as the stage: it is that context, and has no instructions. */
  readonly isReplaced: boolean;
  readonly base: BaseSource;
  readonly platform: Platform;
  /** Positions in the plan's `stages`, ascending, each once. */
  readonly dependsOn: readonly number[];
  /** Images and named contexts that it copies or mounts from, its base excluded, each once. */
  readonly sources: readonly SourceRef[];
}

export type BaseSource =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'stage'; readonly position: number }
  | { readonly kind: 'image'; readonly reference: string }
  | { readonly kind: 'context'; readonly name: string };

/** What a stage takes files from, beside stages and the build context. `image` is as written: no tag is added. */
export type SourceRef =
  | { readonly kind: 'image'; readonly reference: string; readonly platform: Platform }
  | { readonly kind: 'named-context'; readonly name: string };

/** Where a COPY takes from, and a mount. */
export type FileSource =
  | { readonly kind: 'context' }
  | { readonly kind: 'stage'; readonly position: number }
  | SourceRef
  /** Of mounts and `FROM scratch`: an empty directory. */
  | { readonly kind: 'scratch' };

/** An image's config without what only the finished layers tell: an ImageConfig is one. */
export interface StageConfig {
  readonly author?: string;
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly config?: ContainerConfig;
}

export interface CompiledStage {
  readonly steps: readonly Step[];
  /** The config at the end. */
  readonly config: StageConfig;
  readonly warnings: readonly Warning[];
  /** What stages on top of it inherit beside the config. */
  readonly scope: StageScope;
}

/** The variables of a stage. Unlike Docker's reference says, ARGs live on in stages that are built on it: BuildKit has it so. */
export interface StageScope {
  /** ENV and ARGs with a value, as RUN sees them. */
  readonly env: ReadonlyMap<string, string>;
  /** Names of ARGs, in order, also those without value. */
  readonly args: readonly string[];
  /** WORKDIR was given, so that a relative one means what it says. */
  readonly hasWorkdir: boolean;
}

export interface StepBase {
  /** Where it is in the Dockerfile; of a base's ONBUILD trigger, the FROM. */
  readonly lines: Lines;
  /** The text to show for it: as written, joined. */
  readonly source: string;
  /** The instruction's name in capitals. */
  readonly instruction: string;
  /** History text as BuildKit writes it; null for ONBUILD, which history leaves out. */
  readonly createdBy: string | null;
  /** It came from the base's ONBUILD: progress shows `ONBUILD` before it. */
  readonly isTrigger: boolean;
  /** History has an entry without a layer. */
  readonly emptyLayer: boolean;
  /** The config after this step. */
  readonly config: StageConfig;
}

/** What the solver executes. Steps of kind `config` change the config only. */
export type Step = RunStep | CopyStep | ConfigStep | WorkdirStep;

export interface ConfigStep extends StepBase {
  readonly kind: 'config';
  /** Paths of a VOLUME. */
  readonly volumes?: readonly string[];
}

/** The directory is to be made where it is missing, with parents, mode 0755, owned by the config's user (BuildKit's dispatchWorkdir). */
export interface WorkdirStep extends StepBase {
  readonly kind: 'workdir';
  /** Absolute, never `/`. */
  readonly path: string;
}

export interface RunStep extends StepBase {
  readonly kind: 'run';
  /** SHELL is applied. */
  readonly argv: readonly string[];
  /** Files that exist only while it runs, read-only: a heredoc with an interpreter line of its own is one. */
  readonly files: readonly InlineFile[];
  /** `NAME=value`: ENV, then the ARGs in scope that ENV does not hide. All of it belongs into the cache key. */
  readonly env: readonly string[];
  /** The ARGs in scope, in the order that history writes them; they are in `env` too. */
  readonly argsInScope: Readonly<Record<string, string>>;
  /** `NAME=value` of the predefined proxy arguments: for the process, never for cache keys or history. */
  readonly proxyEnv: readonly string[];
  /** As in the config; empty is root. */
  readonly user: string;
  /** Absolute. */
  readonly workdir: string;
  readonly mounts: readonly RunMount[];
  /** Paths in which whatever it changes is thrown away. */
  readonly volumes: readonly string[];
  readonly network: RunNetwork;
  readonly security: RunSecurity;
}

export interface InlineFile {
  /** Absolute, in the container. */
  readonly path: string;
  readonly content: string;
  readonly mode: number;
}

/** `RUN --mount`, expanded and checked: only what the type has is present, presets are filled in. */
export type RunMount = BindMount | CacheMount | TmpfsMount | SecretMount | SshMount;

export interface BindMount {
  readonly type: 'bind';
  readonly from: FileSource;
  /** Path in the source; `/` is all of it. */
  readonly source: string;
  /** Absolute. */
  readonly target: string;
  /** Writes to a bind that is not read-only are dropped after the step. */
  readonly readonly: boolean;
}

export interface CacheMount {
  readonly type: 'cache';
  /** Absolute. */
  readonly target: string;
  readonly id: string;
  readonly sharing: CacheSharing;
  readonly readonly: boolean;
  /** What an empty cache begins with: absent, an empty directory. */
  readonly from?: FileSource;
  readonly source?: string;
  /** Of the directory when it is made: 0755, 0, 0 when absent. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface TmpfsMount {
  readonly type: 'tmpfs';
  readonly target: string;
  readonly sizeBytes?: number;
}

export interface SecretMount {
  readonly type: 'secret';
  readonly id: string;
  /** Absolute; absent when the secret is only a variable. */
  readonly target?: string;
  /** The variable that holds it. */
  readonly env?: string;
  /** Without the secret the step fails; otherwise it runs without. */
  readonly required: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface SshMount {
  readonly type: 'ssh';
  readonly id: string;
  /** Absolute path of the agent's socket. */
  readonly target: string;
  readonly required: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface CopyStep extends StepBase {
  readonly kind: 'copy';
  readonly isAdd: boolean;
  readonly from: FileSource;
  readonly sources: readonly CopySource[];
  /** Absolute, a trailing slash kept. */
  readonly target: string;
  /** As it was written, variables replaced. */
  readonly writtenTarget: string;
  readonly chown?: string;
  readonly chmod?: string;
  readonly link: boolean;
  readonly parents: boolean;
  readonly exclude: readonly string[];
  /** `algorithm:hex` of the one URL, or a commit of the one repository. */
  readonly checksum?: string;
  readonly keepGitDir: boolean;
  /** Archives are unpacked: absent, local ones are and remote ones are not. */
  readonly unpack?: boolean;
}

export type CopySource = PathSource | { readonly kind: 'inline'; readonly name: string; readonly content: string } | UrlSource | GitSource;

export interface PathSource {
  readonly kind: 'path';
  /** Clean, relative to the source's root, `.` for all of it; may have wildcards (`*`, `?`, `[…]`, `\` before one). */
  readonly pattern: string;
  /** As written, where it leads above the root: it is taken as if it did not, but by Docker's first builder. */
  readonly outside?: string;
  /** `--parents`: the directory that the kept parents begin below, also clean and relative (`.` without `/./`). */
  readonly pivot?: string;
}

export interface UrlSource {
  readonly kind: 'url';
  readonly url: string;
  /** The last part of its path; `__unnamed__` when it has none. */
  readonly fileName: string;
}

export interface GitSource {
  readonly kind: 'git';
  /** As written. */
  readonly url: string;
  /** What to clone from: without fragment and query. */
  readonly remote: string;
  /** Branch, tag or commit; absent, the default branch. */
  readonly ref?: string;
  /** Only this directory of it; relative. */
  readonly subdir?: string;
  readonly submodules: boolean;
}

/** What `build --check` says: the rules and their names are those of Docker's build checks. */
export interface Warning {
  readonly rule: string;
  readonly message: string;
  readonly lines: Lines;
  readonly url?: string;
}
