import type { Recipe, RecipeVariant } from './recipe.ts';

const suites: readonly { readonly suite: string; readonly title: string }[] = [
  { suite: 'bullseye', title: 'Debian 11' },
  { suite: 'bookworm', title: 'Debian 12' },
  { suite: 'trixie', title: 'Debian 13' },
  { suite: 'forky', title: 'Debian 14, in preparation' },
  { suite: 'sid', title: 'Debian unstable' },
];

/**
 * Waits until cloud-init is through, which writes its result last (cloudinit.readthedocs.io, "Boot status"), and is well when that has no errors; the errors are what `inspect` shows of an unwell machine.
 */
const cloudInitHealth =
  'r=/run/cloud-init/result.json; until test -e $r; do sleep 0.2; done; grep -q \'"errors": \\[\\]\' $r || { cat $r; exit 1; }';

const variants: readonly RecipeVariant[] = [
  { name: 'app' },
  // Without what only people read: documentation, manuals, translations. Licences stay.
  {
    name: 'slim',
    leftOut: ['doc', 'groff', 'info', 'linda', 'lintian', 'locale', 'man'].map((directory) => `/usr/share/${directory}/*`),
    kept: ['/usr/share/doc/*/copyright', '/usr/share/locale/locale.alias'],
  },
  { name: 'systemd', init: 'systemd', base: 'app', default: true },
  { name: 'sysvinit', init: 'sysvinit', base: 'app' },
  {
    name: 'cloud',
    init: 'systemd',
    base: 'app',
    packages: ['cloud-init', 'locales', 'openssh-server', 'sudo'],
    // Each machine makes its own at its first boot.
    commands: ['rm -f /etc/ssh/ssh_host_*'],
    healthCheck: { command: cloudInitHealth, intervalS: 300, timeoutS: 1800, startPeriodS: 1, startIntervalS: 1, retries: 1 },
  },
  { name: 'openrc', init: 'openrc', base: 'app' },
  { name: 'runit', init: 'runit', base: 'app' },
  { name: 's6', init: 's6', base: 'app' },
];

export const debianRecipes: readonly Recipe[] = suites.map(({ suite, title }) => ({
  name: `debian/${suite}`,
  description: `${title} from its own packages`,
  suite,
  variants,
}));
