import { createHash } from 'node:crypto';
import type { HistoryEntry } from '#oci';
import type { StageConfig, Step } from '../model.ts';
import type { CachedStep, Root, SolvedStage } from '../ports.ts';

/** What a step came to, as far as its line in the history tells it. */
interface HistoryFacts {
  /** ISO 8601. */
  readonly created: string;
  /** It made a layer. */
  readonly changed: boolean;
  /** What a COPY or ADD took: `file:…`, `dir:…` or `multi:…`. */
  readonly taken?: string | undefined;
  /** In the words of Docker's first builder. */
  readonly classic: boolean;
}

/** The history's line of a step, if it has one. */
function historyEntries(step: Step, { created, changed, taken, classic }: HistoryFacts): HistoryEntry[] {
  const createdBy = step.createdBy ?? (classic ? onbuildWords(step) : null);
  if (createdBy === null) return [];
  const words = classic ? { created_by: classicWords(step, createdBy, taken) } : { created_by: createdBy, comment: frontend };
  return [{ created, ...words, ...(changed ? {} : { empty_layer: true }) }];
}

/** What BuildKit writes beside each line, by which programs tell its images. */
const frontend = 'buildkit.dockerfile.v0';

/** `/bin/sh -c #(nop)  ENV a=b`: all but RUN look like commands that do nothing. Copied files go by what they are (moby, builder/dockerfile/internals.go). */
function classicWords(step: Step, createdBy: string, taken = ''): string {
  if (step.kind === 'run') return createdBy.replace(/^RUN /, '').replace(/ # buildkit$/, '');
  const shell = (step.config.config?.Shell ?? ['/bin/sh', '-c']).join(' ');
  if (step.kind === 'workdir') return `${shell} #(nop) ${createdBy}`;
  if (step.kind !== 'copy') return `${shell} #(nop)  ${createdBy}`;
  const chown = step.chown === undefined ? '' : `--chown=${step.chown} `;
  return `${shell} #(nop) ${step.isAdd ? 'ADD' : 'COPY'} ${chown}${taken} in ${step.writtenTarget} `;
}

/** BuildKit has no line for a trigger. */
function onbuildWords({ instruction, config }: Step): string | null {
  const trigger = config.config?.OnBuild?.at(-1);
  return instruction !== 'ONBUILD' || trigger === undefined ? null : `ONBUILD ${trigger}`;
}

/** The same of what is the same: root and config. For people, and for programs that look for something like an image's id after each step. */
export function stateOf(root: Root, config: StageConfig): string {
  return createHash('sha256')
    .update(JSON.stringify([root.chain, config]))
    .digest('hex');
}

/** A stage with further labels. */
export function withLabels(stage: SolvedStage, labels: Readonly<Record<string, string>>): SolvedStage {
  if (Object.keys(labels).length === 0) return stage;
  const { config } = stage.config;
  return { ...stage, config: { ...stage.config, config: { ...config, Labels: { ...config?.Labels, ...labels } } } };
}

/** What carrying a step out, or finding what it made, came to. */
export interface Outcome {
  readonly layer: CachedStep['layer'];
  readonly key: string | null;
  /** Of a COPY or ADD: its sources, as the executor tells them. */
  readonly taken?: string | undefined;
  /** ISO 8601; empty: nothing was made. */
  readonly created: string;
  readonly cached: boolean;
}

/** A stage with a step more. */
export function afterStep(
  stage: SolvedStage,
  step: Step,
  outcome: Outcome,
  { epoch, now, classic }: { epoch?: number | undefined; now: string; classic: boolean },
): SolvedStage {
  const { layer, key, taken } = outcome;
  const made = outcome.created || stage.created || now;
  const created = epoch === undefined ? made : new Date(epoch * 1000).toISOString();
  const root =
    layer === null
      ? stage.root
      : {
          chain: layer.chainId,
          layers: [...stage.root.layers, { diffId: layer.diffId, chainId: layer.chainId, descriptor: layer.descriptor, key }],
        };
  const history: HistoryEntry[] = [...stage.history, ...historyEntries(step, { created, changed: layer !== null, taken, classic })];
  return { ...stage, root, config: step.config, history, created };
}
