import { basename, join, relative } from 'node:path';
import { createIgnoreMatcher } from '#ignore';
import type { ServiceConfig } from '../model/service.ts';

type WatchConfig = NonNullable<NonNullable<ServiceConfig['develop']>['watch']>[number];
type Hook = NonNullable<WatchConfig['exec']>;

/** What of a service's build context its builds do not see: a path below it, from there. */
export interface IgnoredContext {
  readonly directory: string;
  readonly ignores: (path: string) => boolean;
}

/** What changes in files lead to, for one service. */
export interface Reaction {
  /** From a path here to a path in its containers; what is not here any more is removed there. */
  readonly copies: readonly { readonly from: string; readonly to: string }[];
  readonly restarts: boolean;
  readonly commands: readonly Hook[];
  readonly rebuilds: boolean;
}

/** The path from the rule's, '' for itself; null: the rule is not about it. Pure. */
export function pathInRule(rule: WatchConfig, path: string, context: IgnoredContext | null = null): string | null {
  const inner = relative(rule.path ?? '', path);
  if (inner === '..' || inner.startsWith('../')) return null;
  const name = inner === '' ? basename(path) : inner;
  if (createIgnoreMatcher(['.git', '**/.git', ...(rule.ignore ?? [])]).excludes(name)) return null;
  if (rule.include !== undefined && rule.include.length > 0 && !createIgnoreMatcher(rule.include).excludes(name)) return null;
  const inContext = context === null ? '..' : relative(context.directory, path);
  if (context !== null && inContext !== '' && !inContext.startsWith('..') && context.ignores(inContext)) return null;
  return inner;
}

/** What these changed paths lead to by a service's rules; null: nothing. Pure. */
export function planReaction(service: ServiceConfig, changed: readonly string[], context: IgnoredContext | null = null): Reaction | null {
  const copies = new Map<string, string>();
  const commands: Hook[] = [];
  let [restarts, rebuilds] = [false, false];
  let any = false;
  for (const rule of service.develop?.watch ?? []) {
    const inner = changed.flatMap((path) => {
      const found = pathInRule(rule, path, context);
      return found === null ? [] : [{ path, to: join(rule.target ?? '/', found) }];
    });
    if (inner.length === 0) continue;
    any = true;
    if (rule.action === 'rebuild') rebuilds = true;
    if (rule.action.startsWith('sync')) for (const { path, to } of inner) copies.set(to, path);
    if (rule.action === 'restart' || rule.action === 'sync+restart') restarts = true;
    if (rule.action === 'sync+exec' && rule.exec !== undefined) commands.push(rule.exec);
  }
  return any ? { copies: [...copies].map(([to, from]) => ({ from, to })), restarts, commands, rebuilds } : null;
}
