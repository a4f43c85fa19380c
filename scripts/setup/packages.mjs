import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { SetupError, run, timed } from './report.mjs';
import { findCommands } from './paths.mjs';

/**
 * What the machine must offer, with the Debian package that brings it. `proof` tells on other distributions whether it is there.
 * @type {readonly { name: string, proof: () => boolean, forTests?: boolean }[]}
 */
const needs = [
  { name: 'gcc', proof: () => findCommands('cc').length > 0 },
  { name: 'libc6-dev', proof: () => existsSync('/usr/include/stdio.h') },
  { name: 'mmdebstrap', proof: () => findCommands('mmdebstrap').length > 0 },
  { name: 'debian-archive-keyring', proof: () => existsSync('/usr/share/keyrings/debian-archive-keyring.gpg') },
  { name: 'nftables', proof: () => findCommands('nft').length > 0 },
  { name: 'busybox-static', proof: () => findCommands('busybox').length > 0 },
  { name: 'ca-certificates', proof: () => existsSync('/etc/ssl/certs') },
  // Independent judges that the tests compare with.
  { name: 'iproute2', proof: () => findCommands('ip').length > 0, forTests: true },
  { name: 'libseccomp-dev', proof: () => existsSync('/usr/include/seccomp.h'), forTests: true },
];

/** @param {{ forTests: boolean }} options */
export function ensureSystemPackages({ forTests }) {
  const wanted = needs.filter((need) => forTests || need.forTests !== true);
  const debian = isDebianFamily();
  const missing =
    (debian ? notInstalled(wanted.map((need) => need.name)) : wanted.filter((need) => !need.proof()).map((need) => need.name)) ?? [];
  if (missing.length === 0) return false;
  const list = missing.join(' ');
  if (!debian)
    throw new SetupError(
      `this machine lacks what these Debian packages bring: ${list}. Install their like with your package manager and try again.`,
    );
  const command = `apt-get install -y --no-install-recommends ${list}`;
  if (process.getuid?.() !== 0) throw new SetupError(`only root can install missing packages. Run "sudo ${command}" and try again.`);
  timed(`installing Debian packages: ${list}`, () => install(missing, command));
  return true;
}

/** @param {readonly string[]} packages @param {string} command */
function install(packages, command) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const apt = (/** @type {readonly string[]} */ args) => run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', '-q', ...args], { env });
  const args = ['install', '-y', '--no-install-recommends', ...packages];
  // A fresh machine has no package lists at all, an old one may have lists whose versions the mirror has dropped.
  if (apt(args).ok) return;
  const updated = apt(['update']);
  if (!updated.ok) throw new SetupError('apt-get update failed. Repair the package sources and try again.', updated.said);
  const installed = apt(args);
  if (!installed.ok) throw new SetupError(`"${command}" failed. Repair that and try again.`, installed.said);
}

function isDebianFamily() {
  if (findCommands('dpkg-query').length === 0 || findCommands('apt-get').length === 0) return false;
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release);
}

/** @param {readonly string[]} names */
function notInstalled(names) {
  const result = spawnSync('dpkg-query', ['-W', '-f=${Package} ${db:Status-Status}\n', ...names], { encoding: 'utf8' });
  const installed = new Set(
    result.stdout
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  );
  return names.filter((name) => !installed.has(name));
}
