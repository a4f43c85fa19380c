import { createHash } from 'node:crypto';
import type { CopyStep, RunMount, RunStep, WorkdirStep } from '../model.ts';
import type { Root } from '../ports.ts';

/** Raised when what is stored under a key comes to mean something else. */
const version = 2;

/** The digest of all that a step's result depends on. Stable over engines: what it is made of is written out, in order. */
function keyOf(kind: string, root: Root, facts: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([version, kind, root.chain, facts]))
    .digest('hex');
}

/** `sources`: digests of what the mounts show, in their order. Values of secrets are no part of it. */
export function runKey(
  step: RunStep,
  root: Root,
  facts: { readonly sources: readonly (string | null)[]; readonly network: string; readonly epoch?: number },
): string {
  const mounts = step.mounts.map((mount, index) => [mountFacts(mount), facts.sources[index] ?? null]);
  const { argv, files, env, user, workdir, security, volumes } = step;
  const shown = volumes.length === 0 ? mounts : [...mounts, ...volumes.toSorted()];
  return keyOf('run', root, [argv, files, env, user, workdir, security, shown, facts.network, facts.epoch ?? null]);
}

function mountFacts(mount: RunMount): unknown {
  switch (mount.type) {
    case 'bind':
      // What it shows is in the digest of its source.
      return ['bind', mount.target, mount.readonly];
    case 'cache':
      return ['cache', mount.target, mount.id, mount.readonly];
    default:
      return Object.entries(mount).toSorted(([one], [other]) => (one < other ? -1 : 1));
  }
}

/** `sources`: what `Executor.digestSources` says. */
export function copyKey(step: CopyStep, root: Root, facts: { readonly sources: string; readonly epoch?: number }): string {
  const { isAdd, target, chown, chmod, link, parents, exclude, unpack } = step;
  // Names are looked up in the image below, whose chain is in the key.
  return keyOf('copy', root, [
    isAdd,
    target,
    chown ?? null,
    chmod ?? null,
    link,
    parents,
    exclude,
    unpack ?? null,
    facts.sources,
    facts.epoch ?? null,
  ]);
}

/** `before`: what the configuration is put on, and the words that change it. */
export function configKey(root: Root, before: readonly unknown[]): string {
  return keyOf('config', root, before);
}

/** `owner`: the name of who owns what is made. */
export function workdirKey(step: WorkdirStep, root: Root, facts: { readonly owner: string; readonly epoch?: number }): string {
  return keyOf('workdir', root, [step.path, facts.owner, facts.epoch ?? null]);
}
