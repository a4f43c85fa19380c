import type { Healthcheck } from '#oci';

/** Lines of a Dockerfile, 1-based, both inclusive. */
export interface Lines {
  readonly first: number;
  readonly last: number;
}

/** A Dockerfile, parsed: nothing in it is expanded yet. */
export interface Dockerfile {
  readonly text: string;
  readonly directives: Directives;
  /** ARGs before the first FROM. */
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
  /** Last lines of instructions that have an empty line among their continuation lines. */
  readonly emptyContinuations: readonly number[];
}

export type EscapeCharacter = '\\' | '`';

/** Parser directives: `# name=value` before anything else. */
export interface Directives {
  /** An image that is a frontend: recorded, never run. */
  readonly syntax?: string;
  readonly escape: EscapeCharacter;
  /** `skip=Rule,Rule;error=true`, as written. */
  readonly check?: string;
}

export interface Stage {
  readonly index: number;
  /** Lower case. */
  readonly name?: string;
  readonly from: FromInstruction;
  readonly instructions: readonly Instruction[];
}

export interface InstructionBase {
  readonly lines: Lines;
  /** As written, continuation lines joined, without the content of heredocs. */
  readonly source: string;
  /** The instruction's name as written. */
  readonly keyword: string;
  /** Comments directly above, without `#`. */
  readonly comments: readonly string[];
}

export interface Heredoc {
  readonly name: string;
  /** With the newline of each line. */
  readonly content: string;
  /** Variables in it are expanded: its name was not quoted. */
  readonly expand: boolean;
  /** `<<-`: leading tabs are to be removed from each line. */
  readonly chomp: boolean;
}

export type Command =
  | { readonly form: 'shell'; readonly text: string; readonly heredocs: readonly Heredoc[] }
  | { readonly form: 'exec'; readonly argv: readonly string[] };

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

export interface FromInstruction extends InstructionBase {
  readonly kind: 'from';
  /** An image, a stage or `scratch`; may contain variables. */
  readonly image: string;
  readonly platform?: string;
  /** The name after AS, and AS itself, as written. */
  readonly as?: string;
  readonly asKeyword?: string;
}

export interface ArgInstruction extends InstructionBase {
  readonly kind: 'arg';
  readonly args: readonly { readonly name: string; readonly value?: string }[];
}

export interface EnvInstruction extends InstructionBase {
  readonly kind: 'env';
  readonly pairs: readonly KeyValue[];
  /** `ENV key value`, the form with white space. */
  readonly legacy: boolean;
}

export interface LabelInstruction extends InstructionBase {
  readonly kind: 'label';
  readonly pairs: readonly KeyValue[];
  readonly legacy: boolean;
}

export interface RunInstruction extends InstructionBase {
  readonly kind: 'run';
  readonly command: Command;
  /** Values of `--mount` as written: variables in them are expanded when the stage is compiled. */
  readonly mounts: readonly RunMountFlag[];
  readonly network: RunNetwork;
  readonly security: RunSecurity;
}

export interface RunMountFlag {
  readonly text: string;
  /** `from=`, in which no variable may be; absent without one. */
  readonly from?: string;
}

export type RunNetwork = 'default' | 'none' | 'host';
export type RunSecurity = 'sandbox' | 'insecure';
export type CacheSharing = 'shared' | 'private' | 'locked';

/** One source of COPY or ADD, as written. */
export type SourceWord =
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'heredoc'; readonly name: string; readonly content: string; readonly expand: boolean };

interface TransferInstruction extends InstructionBase {
  readonly sources: readonly SourceWord[];
  readonly target: string;
  readonly chown?: string;
  readonly chmod?: string;
  readonly link: boolean;
  readonly parents: boolean;
  readonly exclude: readonly string[];
}

export interface CopyInstruction extends TransferInstruction {
  readonly kind: 'copy';
  readonly from?: string;
}

export interface AddInstruction extends TransferInstruction {
  readonly kind: 'add';
  readonly checksum?: string;
  readonly keepGitDir?: boolean;
  readonly unpack?: boolean;
}

export interface CmdInstruction extends InstructionBase {
  readonly kind: 'cmd';
  readonly command: Command;
}

export interface EntrypointInstruction extends InstructionBase {
  readonly kind: 'entrypoint';
  readonly command: Command;
}

export interface WorkdirInstruction extends InstructionBase {
  readonly kind: 'workdir';
  readonly path: string;
}

export interface UserInstruction extends InstructionBase {
  readonly kind: 'user';
  readonly user: string;
}

export interface ExposeInstruction extends InstructionBase {
  readonly kind: 'expose';
  readonly ports: readonly string[];
}

export interface VolumeInstruction extends InstructionBase {
  readonly kind: 'volume';
  readonly volumes: readonly string[];
}

export interface StopsignalInstruction extends InstructionBase {
  readonly kind: 'stopsignal';
  readonly signal: string;
}

export interface HealthcheckInstruction extends InstructionBase {
  readonly kind: 'healthcheck';
  readonly health: Healthcheck;
}

export interface ShellInstruction extends InstructionBase {
  readonly kind: 'shell';
  readonly shell: readonly string[];
}

export interface OnbuildInstruction extends InstructionBase {
  readonly kind: 'onbuild';
  /** The instruction that a build on top of this image begins with, heredocs included. */
  readonly trigger: string;
}

export interface MaintainerInstruction extends InstructionBase {
  readonly kind: 'maintainer';
  readonly name: string;
}

export type Instruction =
  | AddInstruction
  | ArgInstruction
  | CmdInstruction
  | CopyInstruction
  | EntrypointInstruction
  | EnvInstruction
  | ExposeInstruction
  | HealthcheckInstruction
  | LabelInstruction
  | MaintainerInstruction
  | OnbuildInstruction
  | RunInstruction
  | ShellInstruction
  | StopsignalInstruction
  | UserInstruction
  | VolumeInstruction
  | WorkdirInstruction;
