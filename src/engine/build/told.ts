import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '#errors';
import type { BuildEvent, ToldEvent } from '#wire';

/** As much of what a build's commands say is kept with it. */
const mostBytes = 512 * 1024;

/** What one build has told while it ran, to be read later. */
export interface Telling {
  take(event: BuildEvent): void;
  /** Writes all of it down. */
  end(): void;
}

/** What builds have told: a file each, `<root>/<id>`, with a line of JSON an event. */
export interface ToldBuilds {
  begin(id: string): Telling;
  /** null: nothing is kept of it, or it still runs. */
  read(id: string): ToldEvent[] | null;
  remove(id: string): void;
}

export function createToldBuilds(root: string): ToldBuilds {
  // Clients choose the ids of their builds.
  const pathOf = (id: string): string => join(root, encodeURIComponent(id).replaceAll('.', '%2E').slice(0, 200));
  return {
    begin: (id) => createTelling((text) => write(root, pathOf(id), text)),
    read(id) {
      try {
        return readFileSync(pathOf(id), 'utf8').split('\n').flatMap(parseLine);
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return null;
        throw error;
      }
    },
    remove: (id) => rmSync(pathOf(id), { force: true }),
  };
}

function createTelling(keep: (text: string) => void): Telling {
  const lines: string[] = [];
  let bytes = 0;
  return {
    take(event) {
      // How far something is says nothing afterwards, and what is too much is no longer heard.
      if (event.type === 'progress' || event.type === 'container' || (event.type === 'log' && bytes > mostBytes)) return;
      const told: ToldEvent = { atMs: Date.now(), event };
      const line = JSON.stringify(told);
      if (event.type === 'log') bytes += line.length;
      lines.push(line);
    },
    end: () => keep(`${lines.join('\n')}\n`),
  };
}

/** Secrets may be among the words: nobody but root reads them. */
function write(root: string, path: string, text: string): void {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  writeFileSync(path, text, { mode: 0o600 });
}

/** A line that was cut by the end of the engine, or of the disk, is none. */
function parseLine(line: string): ToldEvent[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as ToldEvent];
  } catch {
    return [];
  }
}
