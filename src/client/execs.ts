import type { DockerExec, DockerExecCreate } from '#wire';
import { readJson, readText } from './answers.ts';
import { openProcessStream, type ProcessStream } from './process-stream.ts';
import type { Transport } from './transport/transport.ts';

/** Further processes in running containers. */
export interface ExecsClient {
  create(container: string, body: DockerExecCreate): Promise<string>;
  /** Starts it and carries its streams. A command that cannot be executed says so in them; its code is in `inspect`. */
  start(id: string, options: { terminal: boolean; consoleSize?: [number, number] | undefined }): Promise<ProcessStream>;
  startDetached(id: string): Promise<void>;
  resize(id: string, rows: number, columns: number): Promise<void>;
  /** Sends the process a signal, KILL without; conflict when it does not run. */
  kill(id: string, signal?: string): Promise<void>;
  inspect(id: string): Promise<DockerExec>;
}

export function createExecsClient(transport: Transport): ExecsClient {
  const at = (id: string, verb: string): string => `/exec/${encodeURIComponent(id)}/${verb}`;
  return {
    create: async (container, body) => {
      const path = `/containers/${encodeURIComponent(container)}/exec`;
      const { Id } = await readJson<{ Id: string }>(await transport.request({ method: 'POST', path, json: body }));
      return Id;
    },
    start: async (id, { terminal, consoleSize }) => {
      const json = { Detach: false, Tty: terminal, ...(consoleSize === undefined ? {} : { ConsoleSize: consoleSize }) };
      return openProcessStream(await transport.hijack({ method: 'POST', path: at(id, 'start'), json }));
    },
    startDetached: async (id) => {
      await readText(await transport.request({ method: 'POST', path: at(id, 'start'), json: { Detach: true, Tty: false } }));
    },
    resize: async (id, rows, columns) => {
      await readText(await transport.request({ method: 'POST', path: at(id, 'resize'), query: { h: rows, w: columns } }));
    },
    kill: async (id, signal) => {
      const path = `/orlop/v1/exec/${encodeURIComponent(id)}/kill`;
      await readText(await transport.request({ method: 'POST', path, json: signal === undefined ? {} : { signal } }));
    },
    inspect: async (id) => readJson(await transport.request({ method: 'GET', path: at(id, 'json') })),
  };
}
