import type { Recipe, RecipeVariant } from './recipe.ts';

const suites: readonly { readonly suite: string; readonly title: string }[] = [
  { suite: 'bullseye', title: 'Debian 11' },
  { suite: 'bookworm', title: 'Debian 12' },
  { suite: 'trixie', title: 'Debian 13' },
  { suite: 'forky', title: 'Debian 14, in preparation' },
  { suite: 'sid', title: 'Debian unstable' },
];

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
  { name: 'openrc', init: 'openrc', base: 'app' },
];

export const debianRecipes: readonly Recipe[] = suites.map(({ suite, title }) => ({
  name: `debian/${suite}`,
  description: `${title} from its own packages`,
  suite,
  variants,
}));
