import type { BuildDescription, DescribedArgument, DescribedMount, DescribedTarget } from '#wire';
import type { ArgInstruction, CompiledStage, Dockerfile, PlannedStage, PlanOptions, StagePlan, Step } from '../model.ts';
import { compileStage, scratchConfig } from '../stages/compile.ts';
import { expandFrom, planStages } from '../stages/plan.ts';

/** What `--call` asks of a Dockerfile beside its checks. */
export type DescribeKind = NonNullable<BuildDescription['kind']>;

/** The stages that can be built, or what the target takes from whoever builds it. Nothing is fetched: of base images nothing is known. Fails as planning and compiling do. */
export function describeDockerfile(file: Dockerfile, kind: DescribeKind, options: PlanOptions): BuildDescription {
  return kind === 'targets' ? { kind, targets: describeTargets(file) } : describeOutline(file, options);
}

function describeTargets(file: Dockerfile): DescribedTarget[] {
  return file.stages.map(({ from, name = '' }, index) => ({
    name,
    description: descriptionOf(from.comments, name),
    base: from.image,
    ...(from.platform === undefined ? {} : { platform: from.platform }),
    isDefault: index === file.stages.length - 1,
    lines: from.lines,
  }));
}

function describeOutline(file: Dockerfile, options: PlanOptions): BuildDescription {
  const plan = planStages(file, options);
  const stages = compileAll(plan);
  const target = plan.stages[plan.target]?.stage;
  const name = target?.name ?? '';
  const mounts = stages.flatMap(({ steps }) => steps.flatMap(mountsOf));
  const ofType = (type: string): DescribedMount[] => mounts.filter((mount) => mount.type === type).map(({ mount }) => mount);
  return {
    kind: 'outline',
    name,
    description: descriptionOf(target?.from.comments ?? [], name),
    args: [...globalArgsOf(plan), ...plan.stages.flatMap((planned, position) => argsOf(planned, stages[position]))],
    secrets: unique(ofType('secret')),
    agents: unique(ofType('ssh')),
    caches: unique(ofType('cache')),
  };
}

function compileAll(plan: StagePlan): CompiledStage[] {
  const compiled: CompiledStage[] = [];
  for (const [position, { base, platform }] of plan.stages.entries()) {
    const below = base.kind === 'stage' ? compiled[base.position] : undefined;
    compiled.push(compileStage(plan, position, below ?? scratchConfig(platform), { knowsBase: false }));
  }
  return compiled;
}

/** `# NAME what it is`, above the instruction. */
function descriptionOf(comments: readonly string[], name: string): string {
  const said = name === '' ? undefined : comments.find((comment) => comment.startsWith(`${name} `));
  return said?.slice(name.length + 1) ?? '';
}

/** Those that a FROM of the plan needs, also through the value of another. */
function globalArgsOf({ file, stages, globals }: StagePlan): DescribedArgument[] {
  const args = file.globalArgs.flatMap((instruction) => instruction.args.map((arg) => ({ ...arg, instruction })));
  const used = new Set(
    stages.flatMap(({ stage: { from } }) => [from.image, from.platform ?? ''].flatMap((word) => [...expandFrom(file, word, globals).used])),
  );
  // Values only name what stands above them.
  for (const { name, value } of args.toReversed())
    if (used.has(name) && value !== undefined) for (const other of expandFrom(file, value, globals).used) used.add(other);
  return args.filter(({ name }) => used.has(name)).map(({ name, instruction }) => argument(name, globals.get(name), instruction));
}

function argsOf({ stage, isReplaced }: PlannedStage, compiled: CompiledStage | undefined): DescribedArgument[] {
  const instructions = isReplaced ? [] : stage.instructions.filter((each) => each.kind === 'arg');
  return instructions.flatMap((each) => each.args.map(({ name }) => argument(name, compiled?.scope.env.get(name), each)));
}

function argument(name: string, value: string | undefined, { comments, lines }: ArgInstruction): DescribedArgument {
  return { name, description: descriptionOf(comments, name), ...(value === undefined ? {} : { value }), lines };
}

function mountsOf(step: Step): { readonly type: string; readonly mount: DescribedMount }[] {
  if (step.kind !== 'run') return [];
  return step.mounts.flatMap((mount) => {
    if (mount.type !== 'secret' && mount.type !== 'ssh' && mount.type !== 'cache') return [];
    return [{ type: mount.type, mount: { id: mount.id, required: mount.type !== 'cache' && mount.required, lines: step.lines } }];
  });
}

/** Named once, where it is first; required when anybody requires it. */
function unique(mounts: readonly DescribedMount[]): DescribedMount[] {
  const found = new Map<string, DescribedMount>();
  for (const mount of mounts) {
    const before = found.get(mount.id);
    found.set(mount.id, before === undefined ? mount : { ...before, required: before.required || mount.required });
  }
  return [...found.values()];
}
