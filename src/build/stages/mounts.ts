import { mistake } from '../dockerfile/errors.ts';
import type { FileSource, RunMount, SecretMount } from '../model.ts';
import { type MountOptions, readMountOptions } from './mount-options.ts';
import { baseName, cleanPath, fromWorkdir, joinPath } from './paths.ts';

export interface MountSurroundings {
  readonly workdir: string;
  expand(word: string): string;
  /** What `from` is. */
  resolve(from: string): FileSource;
}

/** The mounts of one RUN, in order, presets filled in (Dockerfile reference, `RUN --mount`). Fails with invalid-argument. */
export function compileMounts(texts: readonly string[], surroundings: MountSurroundings): RunMount[] {
  let agents = 0;
  return texts.map((text) => {
    const options = readMountOptions(text, surroundings.expand);
    return compileMount(options, surroundings, options.type === 'ssh' ? agents++ : 0);
  });
}

function compileMount(options: MountOptions, surroundings: MountSurroundings, agent: number): RunMount {
  const { mode, uid, gid, required } = options;
  switch (options.type) {
    case 'secret':
      return compileSecret(options, surroundings);
    case 'ssh': {
      const target = options.target === '' ? `/run/buildkit/ssh_agent.${agent}` : fromWorkdir(surroundings.workdir, options.target);
      const id = options.id === undefined || options.id === '' ? 'default' : options.id;
      return { type: 'ssh', id, target, required, mode: mode ?? 0o600, uid: uid ?? 0, gid: gid ?? 0 };
    }
    case 'tmpfs': {
      const size = options.sizeBytes === undefined || options.sizeBytes === 0 ? {} : { sizeBytes: options.sizeBytes };
      return { type: 'tmpfs', target: targetOf(options, surroundings), ...size };
    }
    case 'cache':
      return compileCache(options, surroundings);
    case 'bind': {
      const from = options.from === undefined || options.from === '' ? ({ kind: 'context' } as const) : surroundings.resolve(options.from);
      const source = joinPath('/', options.source ?? '');
      return { type: 'bind', from, source, target: targetOf(options, surroundings), readonly: options.readonly ?? true };
    }
  }
}

function targetOf(options: MountOptions, { workdir }: MountSurroundings): string {
  const target = fromWorkdir(workdir, options.target);
  if (target === '/') throw mistake(`invalid mount target ${JSON.stringify(target)}`, 'give the mount a target');
  return target;
}

/** A cache without id is named by its target as written, so that images with one layout share it. */
function compileCache(options: MountOptions, surroundings: MountSurroundings): RunMount {
  const { from, source, mode, uid, gid } = options;
  const filled = from === undefined || from === '' ? {} : { from: surroundings.resolve(from), source: joinPath('/', source ?? '') };
  return {
    type: 'cache',
    target: targetOf(options, surroundings),
    id: options.id === undefined || options.id === '' ? cleanPath(options.target) : options.id,
    sharing: options.sharing ?? 'shared',
    readonly: options.readonly ?? false,
    ...filled,
    ...(mode === undefined ? {} : { mode }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  };
}

/** With `env` alone there is no file; without any target the file is `/run/secrets/ID`. */
function compileSecret(options: MountOptions, { workdir }: MountSurroundings): SecretMount {
  const named = options.source !== undefined && options.source !== '' ? options.source : (options.id ?? '');
  const id = named === '' ? baseName(options.target) : named;
  const written = options.target === '' ? undefined : fromWorkdir(workdir, options.target);
  const target = written ?? (options.env === undefined ? `/run/secrets/${baseName(id)}` : undefined);
  return {
    type: 'secret',
    id,
    ...(target === undefined ? {} : { target }),
    ...(options.env === undefined ? {} : { env: options.env }),
    required: options.required,
    mode: options.mode ?? 0o400,
    uid: options.uid ?? 0,
    gid: options.gid ?? 0,
  };
}
