import type { Lines, Warning } from '../model.ts';

/** Docker's build checks (docs.docker.com, Build checks reference). */
export type RuleName =
  | 'StageNameCasing'
  | 'FromAsCasing'
  | 'NoEmptyContinuation'
  | 'ConsistentInstructionCasing'
  | 'DuplicateStageName'
  | 'ReservedStageName'
  | 'JSONArgsRecommended'
  | 'MaintainerDeprecated'
  | 'UndefinedArgInFrom'
  | 'WorkdirRelativePath'
  | 'UndefinedVar'
  | 'MultipleInstructionsDisallowed'
  | 'LegacyKeyValueFormat'
  | 'InvalidBaseImagePlatform'
  | 'RedundantTargetPlatform'
  | 'SecretsUsedInArgOrEnv'
  | 'InvalidDefaultArgInFrom'
  | 'FromPlatformFlagConstDisallowed'
  | 'CopyIgnoredFile'
  | 'InvalidDefinitionDescription'
  | 'ExposeProtoCasing'
  | 'ExposeInvalidFormat';

/** What Docker calls experimental is only said to those who ask for it. */
export const experimentalRules: ReadonlySet<string> = new Set<RuleName>(['CopyIgnoredFile', 'InvalidDefinitionDescription']);

/** A finding, with the address of Docker's page about its rule. */
export function warning(rule: RuleName, message: string, lines: Lines): Warning {
  const slug = rule
    .replace('JSON', 'Json')
    .replaceAll(/(?<!^)[A-Z]/g, (letter) => `-${letter}`)
    .toLowerCase();
  return { rule, message, lines, url: `https://docs.docker.com/go/dockerfile/rule/${slug}/` };
}

/** Where findings go. */
export type Warn = (rule: RuleName, message: string, lines: Lines) => void;
