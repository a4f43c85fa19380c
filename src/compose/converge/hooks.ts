import type { Client } from '#client';
import { OrlopError } from '#errors';
import type { ServiceConfig } from '../model/service.ts';

type Hook = NonNullable<ServiceConfig['post_start']>[number];

/** A container, and the service that it is of, for people. */
interface HookPlace {
  readonly ref: string;
  readonly service: string;
  readonly onHook?: HookListener | undefined;
}

export type HookListener = (container: string, line: string) => void;

/** Runs commands in a container, one after the other. failed-precondition, with what it said last, for one that does not end with 0. */
export async function runHooks(client: Client, { ref, service, onHook }: HookPlace, hooks: readonly Hook[]): Promise<void> {
  for (const hook of hooks) {
    const id = await client.execs.create(ref, {
      AttachStdin: false,
      AttachStdout: true,
      AttachStderr: true,
      Tty: false,
      Cmd: [...(hook.command ?? [])],
      Env: Object.entries(hook.environment ?? {}).flatMap(([key, value]) => (value === null ? [] : [`${key}=${value}`])),
      ...(hook.user === undefined ? {} : { User: hook.user }),
      ...(hook.working_dir === undefined ? {} : { WorkingDir: hook.working_dir }),
      ...(hook.privileged === undefined ? {} : { Privileged: hook.privileged }),
    });
    const process = await client.execs.start(id, { terminal: false });
    let said = '';
    const decoder = new TextDecoder();
    let rest = '';
    for await (const { data } of process.output()) {
      const text = decoder.decode(data, { stream: true });
      said = (said + text).slice(-2000);
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onHook?.(ref, line);
    }
    if (rest !== '') onHook?.(ref, rest);
    const { ExitCode } = await client.execs.inspect(id);
    if (ExitCode !== 0)
      throw new OrlopError(
        'failed-precondition',
        'COMPOSE_HOOK_FAILED',
        `${service} hook exited with status ${ExitCode ?? 'nothing'}: ${JSON.stringify(hook.command)} in ${ref}: ${said.trim()}`,
      );
  }
}
