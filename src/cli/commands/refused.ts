import type { FlagSpec } from '../arguments/spec.ts';

/** Commands of Docker's that are not here, each with what to do instead; asked only for words that no command has. */
export const swarm = 'this engine is one machine and no swarm: run containers on each with its own engine';
const processes = 'processes cannot be written to disk and taken up again';
const reasons: Readonly<Record<string, string>> = {
  buildx: 'there are no plug-ins of builders',
  checkpoint: processes,
  config: swarm,
  manifest: 'lists of platforms are not made here; orlop pull --platform takes one of a list',
  node: swarm,
  plugin: 'volumes and networks have drivers of the engine only',
  secret: swarm,
  service: swarm,
  stack: swarm,
  swarm,
  trust: 'images are known by their digests: pull NAME@sha256:…',
};

/** Why there is no such command, or undefined where Docker has none either. */
export function reasonOfRefusal(word: string): string | undefined {
  return Object.hasOwn(reasons, word) ? reasons[word] : undefined;
}

/** A flag of Docker's that is not here; `why` says the reason, or what to do instead. */
export function refuse(name: string, why: string, kind: FlagSpec['kind'] = 'text'): FlagSpec {
  return { name, kind, help: '', refused: why };
}

export const checkpointFlags: readonly FlagSpec[] = ['checkpoint', 'checkpoint-dir'].map((name) => refuse(name, processes));
