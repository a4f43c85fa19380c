import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { SetupError, run, timed } from './report.mjs';
import { buildFolder, root } from './paths.mjs';

const stampFile = join(buildFolder, 'stamp.json');

/** bosun and sys.node. */
export function buildNatives() {
  const inputs = fingerprint(['native', 'src/sys/plan'], ['.c', '.h', '.ts']);
  return step('natives', inputs, ['bosun', 'sys.node'], 'compiling the native parts', ['native/build.ts'], {});
}

/**
 * The bundles and the executables made of them. Their build id tells a running engine from a newer one; it covers the native parts, which
 * the engine has loaded too.
 */
export function buildBundles() {
  const inputs = fingerprint(
    [
      'src',
      'native',
      'scripts/bundle.ts',
      'scripts/executable.ts',
      'scripts/programs.ts',
      'scripts/library.ts',
      'package.json',
      'package-lock.json',
    ],
    ['.ts', '.c', '.h', '.json'],
  );
  const outputs = ['orlop.mjs', 'orlopd.mjs', 'orlop-runtime.mjs', 'store-worker.mjs', 'file-worker.mjs', 'library/index.js'];
  return step('bundles', inputs, outputs, 'bundling', ['scripts/bundle.ts'], { ORLOP_BUILD_ID: inputs.slice(0, 12) });
}

/**
 * @param {string} name @param {string} inputs @param {readonly string[]} outputs
 * @param {string} what @param {readonly string[]} script @param {Record<string, string>} env
 */
function step(name, inputs, outputs, what, script, env) {
  const stamps = readStamps();
  if (stamps[name] === inputs && outputs.every((output) => existsSync(join(buildFolder, output)))) return false;
  timed(what, () => {
    const done = run(join(buildFolder, 'node'), script, { cwd: root, env: { ...process.env, ...env } });
    if (!done.ok) throw new SetupError(`"build/node ${script.join(' ')}" failed. Repair what it names and try again.`, done.said);
  });
  const temporary = `${stampFile}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify({ ...readStamps(), [name]: inputs }, null, 2)}\n`);
  renameSync(temporary, stampFile);
  return true;
}

/** @returns {Record<string, string>} */
function readStamps() {
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'));
  } catch {
    return {};
  }
}

/**
 * A hash over the names and contents of all files with these endings below the paths; tests do not count.
 * @param {readonly string[]} paths @param {readonly string[]} endings
 */
function fingerprint(paths, endings) {
  const hash = createHash('sha256').update(`${process.arch}\n`);
  const visit = (/** @type {string} */ path, /** @type {boolean} */ isFolder) => {
    if (isFolder) {
      const entries = readdirSync(join(root, path), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
      for (const entry of entries) visit(join(path, entry.name), entry.isDirectory());
    } else if (endings.includes(extname(path)) && !path.includes('.test.')) {
      const content = readFileSync(join(root, path));
      hash.update(`${path}\n${content.length}\n`).update(content);
    }
  };
  for (const path of paths) visit(path, extname(path) === '');
  return hash.digest('hex');
}
