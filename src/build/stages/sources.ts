import { OrlopError } from '#errors';
import type { FileSource } from '../model.ts';
import { type Named, resolveCopySource, resolveMountSource } from './names.ts';
import type { StageState } from './state.ts';

/** What COPY's `--from` is. */
export function copySourceOf(state: StageState, from: string): FileSource {
  return locateSource(state, resolveCopySource(state.plan.file, state.plan.options.namedContexts, from));
}

/** What a mount's `from` is. */
export function mountSourceOf(state: StageState, from: string): FileSource {
  return locateSource(state, resolveMountSource(state.plan.file, state.plan.options.namedContexts, from));
}

/** Fails with failed-precondition `BUILD_PLAN_INCOMPLETE` when a trigger asks for what the plan was made without. */
function locateSource({ plan, planned }: StageState, named: Named): FileSource {
  switch (named.kind) {
    case 'scratch':
      return { kind: 'scratch' };
    case 'context':
      return { kind: 'named-context', name: named.name };
    case 'image':
      requirePlanned(planned.sources.some((source) => source.kind === 'image' && source.reference === named.reference));
      return { kind: 'image', reference: named.reference, platform: plan.options.platform };
    case 'stage': {
      const position = plan.stages.findIndex(({ stage }) => stage.index === named.index);
      requirePlanned(planned.dependsOn.includes(position));
      return { kind: 'stage', position };
    }
  }
}

function requirePlanned(isPlanned: boolean): void {
  if (isPlanned) return;
  throw new OrlopError(
    'failed-precondition',
    'BUILD_PLAN_INCOMPLETE',
    "the stages were planned without the base image's ONBUILD triggers",
    {
      hint: 'plan again with the triggers',
    },
  );
}
