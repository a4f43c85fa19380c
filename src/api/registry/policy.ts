import { OrlopError } from '#errors';
import type { RepositoryName, Tag } from './spec/names.ts';
import type { TagFacts } from './storage/types.ts';

/** What the operator wants of tags. Patterns are of names or tags whole, with `*` for any characters but a slash, and `**` for any. */
export interface PolicyConfig {
  /** Tags that cannot be moved or removed once they are there. */
  readonly immutable?: readonly TagPattern[];
  /** Which tags go at garbage collection. Of several that fit a repository the first counts. */
  readonly retention?: readonly RetentionRule[];
}

export interface TagPattern {
  readonly repositories: string;
  /** All when it is left out. */
  readonly tags?: string;
}

export interface RetentionRule extends TagPattern {
  /** So many of the newest stay, however old. */
  readonly keepLast?: number;
  /** Younger ones stay, however many, in days. */
  readonly keepDays?: number;
}

export interface Policy {
  isImmutable(name: RepositoryName, tag: Tag): boolean;
  /** The tags that may go; never an immutable one. */
  expire(name: RepositoryName, tags: readonly TagFacts[], nowMs: number): readonly Tag[];
}

const dayMs = 86_400_000;

export function createPolicy(config: PolicyConfig): Policy {
  const immutable = (config.immutable ?? []).map(compile);
  const rules = (config.retention ?? []).map((rule) => ({ ...rule, ...compile(rule) }));
  const isImmutable = (name: RepositoryName, tag: Tag): boolean => immutable.some((one) => one.name.test(name) && one.tag.test(tag));
  return {
    isImmutable,
    expire(name, tags, nowMs) {
      const rule = rules.find((one) => one.name.test(name));
      if (rule === undefined) return [];
      const newestFirst = tags
        .filter(({ tag }) => rule.tag.test(tag) && !isImmutable(name, tag))
        .toSorted((a, b) => b.pushedAt - a.pushedAt);
      return newestFirst
        .filter(({ pushedAt }, place) => !(place < (rule.keepLast ?? 0)) && !(nowMs - pushedAt < (rule.keepDays ?? 0) * dayMs))
        .map(({ tag }) => tag);
    },
  };
}

function compile({ repositories, tags }: TagPattern): { readonly name: RegExp; readonly tag: RegExp } {
  return { name: compilePattern(repositories), tag: compilePattern(tags ?? '**') };
}

function compilePattern(pattern: string): RegExp {
  const source = pattern
    .split(/(\*+)/)
    .map((part) => (part === '*' ? '[^/]*' : part.startsWith('**') ? '.*' : part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${source.join('')}$`);
}

/** Checks what a configuration file says. Fails with invalid-argument `REGISTRY_POLICY` naming the field. */
export function parsePolicyConfig(value: unknown): PolicyConfig {
  const { immutable, retention, ...others } = requireObject(value, 'the policy');
  const [unknownField] = Object.keys(others);
  if (unknownField !== undefined) throw bad(`the policy has the unknown field ${unknownField}`);
  return {
    immutable: requireList(immutable ?? [], 'immutable').map((one) => parsePattern(one, 'immutable', [])),
    retention: requireList(retention ?? [], 'retention').map((one) => {
      const rule = parsePattern(one, 'retention', ['keepLast', 'keepDays']) as RetentionRule;
      for (const field of ['keepLast', 'keepDays'] as const)
        if (rule[field] !== undefined && !(Number.isFinite(rule[field]) && rule[field] >= 0))
          throw bad(`retention: ${field} is no number from 0 on`);
      if (rule.keepLast === undefined && rule.keepDays === undefined) throw bad('retention: a rule says neither keepLast nor keepDays');
      return rule;
    }),
  };
}

function parsePattern(value: unknown, where: string, more: readonly string[]): TagPattern {
  const fields = requireObject(value, where);
  const unknownField = Object.keys(fields).find((field) => !['repositories', 'tags', ...more].includes(field));
  if (unknownField !== undefined) throw bad(`${where} has the unknown field ${unknownField}`);
  if (typeof fields['repositories'] !== 'string') throw bad(`${where}: repositories is no pattern`);
  if (fields['tags'] !== undefined && typeof fields['tags'] !== 'string') throw bad(`${where}: tags is no pattern`);
  return fields as unknown as TagPattern;
}

function requireObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw bad(`${what} is no object`);
}

function requireList(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw bad(`${what} is no list`);
}

function bad(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'REGISTRY_POLICY', message);
}
