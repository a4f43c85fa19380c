import type { Client } from '#client';
import type { Arguments } from '../arguments/parse.ts';
import { usageError, wrongWords } from '../arguments/usage-error.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { readLimits } from '../values/container-options.ts';
import { limitsBodyOf, restartBodyOf } from '../values/create-body.ts';
import { parsePublish, parsePublished } from '../values/ports.ts';
import { parsePairs } from '../values/pairs.ts';
import { parseRestartPolicy } from '../values/restart.ts';
import { parseBytes } from '../values/size.ts';
import { forEach } from './each.ts';

/** Answers what to warn of. */
type Change = (engine: Client, ref: string) => Promise<readonly string[]>;

/** What can be changed: each reads its own flags; null: they were not given. */
const readers: readonly ((args: Arguments) => Change | null)[] = [readPorts, readDisk, readResources];

/** Changes containers that may be running. */
export const update: Verb = async (invocation) => {
  const { args, command } = invocation;
  const changes = readers.map((read) => read(args)).filter((change) => change !== null);
  if (changes.length === 0) throw wrongWords('you must provide one or more flags when using this command', command);
  const engine = await invocation.client();
  return forEach(invocation, async (ref) => {
    for (const change of changes)
      for (const warning of await change(engine, ref)) await write(invocation.io.stderr, `WARNING: ${warning}\n`);
    return ref;
  });
};

function readPorts(args: Arguments): Change | null {
  const change = { add: parsePublish(args.list('publish-add')).ports, remove: parsePublished(args.list('publish-rm')) };
  return change.add.length + change.remove.length === 0
    ? null
    : async (engine, ref) => {
        await engine.networks.changePorts(ref, change);
        return [];
      };
}

function readDisk(args: Arguments): Change | null {
  if (!args.has('storage-opt')) return null;
  const { size, ...others } = parsePairs('storage-opt', args.list('storage-opt'));
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw usageError(`unknown storage option ${unknown}: what can be changed is size`);
  if (size === undefined) throw usageError('"--storage-opt" needs a size, such as size=20G');
  const sizeBytes = parseBytes('storage-opt', size);
  return async (engine, ref) => {
    await engine.containers.resizeDisk(ref, sizeBytes);
    return [];
  };
}

function readResources(args: Arguments): Change | null {
  const limits = readLimits(args);
  const restart = args.text('restart');
  const kernelMemory = args.text('kernel-memory');
  if (limits === undefined && restart === undefined && kernelMemory === undefined) return null;
  const body = {
    ...limitsBodyOf(limits ?? {}),
    ...(kernelMemory === undefined ? {} : { KernelMemory: parseBytes('kernel-memory', kernelMemory) }),
    ...(restart === undefined ? {} : { RestartPolicy: restartBodyOf(parseRestartPolicy(restart)) }),
  };
  return (engine, ref) => engine.containers.update(ref, body);
}
