import { createFileProcesses } from '../files/distant-verbs.ts';
import { containerFiles } from './files.ts';
import type { ContainerRecord } from './record.ts';
import type { LiveContainer } from './table.ts';

/** A container as this engine begins to hold it: nothing connected, nobody waiting. */
export function createLive(dataRoot: string, record: ContainerRecord): LiveContainer {
  return {
    record,
    files: containerFiles(dataRoot, record.id),
    connection: null,
    execs: new Set(),
    fileProcesses: createFileProcesses(),
    waitingClients: [],
    onExit: new Set(),
    onRemove: new Set(),
    proxies: new Map(),
    relays: new Map(),
    door: null,
    waking: 'no',
    stopping: false,
    packer: null,
    health: null,
    boot: null,
    hiddenEnv: [],
    restartTimer: null,
    restartDelayMs: 0,
  };
}
