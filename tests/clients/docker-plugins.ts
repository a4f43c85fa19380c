import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../system/harness.ts';

const installed = ['/usr/local/lib/docker/cli-plugins', '/usr/libexec/docker/cli-plugins', '/usr/lib/docker/cli-plugins'];
/** What was got once is kept beside the build. */
const kept = join(projectRoot, 'build/docker-plugins');
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** A plugin of docker's command line, as the host has it or as Debian's newest package has it; null: it cannot be had. */
export function findDockerPlugin(name: 'docker-buildx' | 'docker-compose'): string | null {
  const found = [...installed, kept].map((directory) => join(directory, name)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  try {
    return fetchPlugin(name);
  } catch {
    return null;
  }
}

/** By apt with lists of its own, so that the host's are as they were. */
function fetchPlugin(name: string): string {
  const root = mkdtempSync(join(tmpdir(), 'orlop-plugin-'));
  try {
    for (const directory of ['lists/partial', 'cache/archives/partial', 'files']) mkdirSync(join(root, directory), { recursive: true });
    writeFileSync(join(root, 'sources.list'), `deb [signed-by=${keyring}] http://deb.debian.org/debian sid main\n`);
    const options = [
      `Dir::Etc::sourcelist=${root}/sources.list`,
      'Dir::Etc::sourceparts=/dev/null',
      `Dir::State::lists=${root}/lists`,
      `Dir::Cache=${root}/cache`,
      'APT::Sandbox::User=root',
    ].flatMap((option) => ['-o', option]);
    const run = (file: string, ...argv: string[]): void => void execFileSync(file, argv, { cwd: root, stdio: 'ignore', timeout: 60_000 });
    run('apt-get', ...options, 'update');
    run('apt-get', ...options, 'download', name);
    const archive = readdirSync(root).find((file) => file.endsWith('.deb')) ?? '';
    run('dpkg-deb', '-x', archive, join(root, 'files'));
    const plugin = join(root, 'files/usr/libexec/docker/cli-plugins', name);
    execFileSync(plugin, ['docker-cli-plugin-metadata'], { stdio: 'ignore' });
    mkdirSync(kept, { recursive: true });
    execFileSync('cp', [plugin, join(kept, `.${name}`)]);
    renameSync(join(kept, `.${name}`), join(kept, name));
    return join(kept, name);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** A configuration directory for docker's command line with these plugins. */
export function makeDockerConfig(root: string, plugins: readonly string[]): string {
  const config = mkdtempSync(join(root, 'docker-config-'));
  mkdirSync(join(config, 'cli-plugins'));
  for (const plugin of plugins) symlinkSync(plugin, join(config, 'cli-plugins', plugin.replace(/^.*\//, '')));
  return config;
}
