import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readlinkSync, realpathSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from './report.mjs';
import { buildFolder, findCommands, localCommand } from './paths.mjs';

const oldest = [24, 15];

/**
 * Chooses the Node that runs Orlop: ORLOP_NODE, else the system's when it is new enough, else the one from node_modules. `build/node` is
 * a link to it, so that the launchers need not look again.
 */
export function ensureNode() {
  const link = join(buildFolder, 'node');
  const current = existsSync(link) ? readlinkSync(link) : null;
  const wish = process.env.ORLOP_NODE ?? null;
  if (wish !== null && !isNewEnough(wish))
    throw new SetupError(`ORLOP_NODE=${wish} is not Node ${oldest.join('.')} or later. Unset it or name another.`);
  const chosen = wish ?? findCommands('node').find(isNewEnough) ?? [localCommand('node')].find(isNewEnough);
  if (chosen === undefined) {
    throw new SetupError(
      `Node ${oldest.join('.')} or later is needed, and npm has none for ${process.platform} ${process.arch}. Install it from nodejs.org.`,
    );
  }
  const target = realpathSync(chosen);
  if (current === target) return false;
  mkdirSync(buildFolder, { recursive: true });
  const temporary = `${link}.${process.pid}`;
  rmSync(temporary, { force: true });
  symlinkSync(target, temporary);
  renameSync(temporary, link);
  return true;
}

/** @param {string} path */
function isNewEnough(path) {
  if (!existsSync(path)) return false;
  const version = realpathSync(path) === realpathSync(process.execPath) ? process.version : askVersion(path);
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}

/** @param {string} path */
function askVersion(path) {
  return spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout ?? '';
}
