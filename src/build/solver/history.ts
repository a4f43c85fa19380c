import { createHash } from 'node:crypto';
import type { HistoryEntry } from '#oci';
import type { StageConfig, Step } from '../model.ts';
import type { Root, SolvedStage } from '../ports.ts';

/** The history's line of a step, if it has one. `changed`: it made a layer. */
export function historyEntries({ createdBy }: Step, created: string, changed: boolean): HistoryEntry[] {
  return createdBy === null ? [] : [{ created, created_by: createdBy, ...(changed ? {} : { empty_layer: true }) }];
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
