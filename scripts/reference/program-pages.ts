import { engineFlags, type EngineFlag } from '../../src/main/orlopd/flags.ts';
import type { FlagTable } from '../../src/runtime/oci/arguments.ts';
import { flagRows } from '../../src/runtime/oci/help.ts';
import { runtimeCommands, runtimeFlags } from '../../src/runtime/oci/table.ts';
import { engineVariables, runtimeVariables } from './environment.ts';
import type { Page, Row, Section } from './page.ts';

const related = [
  { name: 'orlop', manual: 1 },
  { name: 'orlopd', manual: 8 },
  { name: 'orlop-runtime', manual: 8 },
] as const;

const others = (name: string): Page['related'] => related.filter((page) => page.name !== name);

/** `orlopd`: its flags, its configuration file and what else it reads. */
export function enginePage(): Page {
  return {
    name: 'orlopd',
    manual: 8,
    summary: 'the engine of Orlop',
    synopsis: ['orlopd [OPTIONS]'],
    sections: [
      {
        title: 'Description',
        paragraphs: [
          "orlopd keeps images, containers, networks and volumes, and serves the Docker Engine API and Orlop's own on a unix socket. It needs root. Containers outlive it: it can be stopped, killed and replaced while they run, and the next engine finds them.",
          'Whoever may use its socket can become root of the machine.',
        ],
      },
      { title: 'Options', rows: engineFlags.filter((flag: EngineFlag) => flag.isHidden !== true).map(engineRow) },
      {
        title: 'Configuration file',
        paragraphs: [
          'Each option but those that say otherwise can stand in the configuration file under its name, without hyphens before it: one value as "name: value", several as a list, switches as true or false. An option on the command line goes before the file; lists of both are added up. A name that is none, and a value that makes no sense, keep the engine from starting.',
          `Not in the file: ${notInFile.join(', ')}.`,
        ],
      },
      {
        title: 'Signals',
        rows: [
          { term: 'SIGTERM, SIGINT', about: 'Stop serving and end; containers go on' },
          { term: 'SIGHUP', about: 'Ignored' },
        ],
      },
      { title: 'Environment', rows: engineVariables },
      { title: 'Files', rows: files },
      {
        title: 'Exit status',
        rows: [
          { term: '0', about: 'Stopped as it was told to' },
          { term: '1', about: 'Could not start, or failed' },
        ],
      },
    ],
    related: others('orlopd'),
  };
}

const notInFile = engineFlags.filter((flag: EngineFlag) => flag.inFile === 'never').map(({ name }) => name);

const files: readonly Row[] = [
  { term: '/etc/orlop/config.yaml', about: 'The configuration file' },
  { term: '/etc/orlop/registries.json', about: 'Mirrors, blocks and trust for registries' },
  { term: '/etc/orlop/remotes.json', about: 'Servers of images for LXD and Incus' },
  { term: '/etc/orlop/templates/*.json', about: 'Recipes for base images' },
  { term: '/etc/orlop/tls/', about: 'ca.pem, cert.pem and key.pem, for --tlsverify' },
  { term: '/var/lib/orlop/', about: 'Images, layers, containers, volumes and the database' },
  { term: '/run/orlop/', about: 'The socket, and what lives until the next boot' },
];

/** As in the help: an option that is only a switch may have no words of its own. */
function engineRow({ name, short, value, help, preset }: EngineFlag): Row {
  const about = [help.join(' '), preset === undefined ? '' : `(default ${preset})`].filter((part) => part !== '').join(' ');
  const term = `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
  const usual: Readonly<Record<string, string>> = { help: 'print a summary of the options', version: 'print the version' };
  return { term, about: capitalize(about || (usual[name] ?? '')) };
}

/** `orlop-runtime`: the command line of an OCI runtime. */
export function runtimePage(): Page {
  const commands = Object.entries(runtimeCommands).map(([name, { about }]): Row => ({ term: name, about: capitalize(about) }));
  const flags = Object.entries(runtimeCommands).flatMap(([name, { usage, description, flags: table }]): Section[] => [
    {
      title: `orlop-runtime ${name}`,
      paragraphs: [
        `orlop-runtime ${name} ${Object.keys(table).length === 0 ? '' : '[OPTIONS] '}${usage}`.trim(),
        ...(description === undefined ? [] : [description]),
      ],
      rows: rowsOf(table),
    },
  ]);
  return {
    name: 'orlop-runtime',
    manual: 8,
    summary: 'run OCI bundles, used like runc',
    synopsis: ['orlop-runtime [OPTIONS] COMMAND [COMMAND OPTIONS] [ARG...]'],
    sections: [
      {
        title: 'Description',
        paragraphs: [
          'orlop-runtime runs containers of OCI bundles: directories with a config.json and a root file system. Podman, containerd and dockerd call it as they call runc. It needs no engine.',
        ],
      },
      { title: 'Options', rows: rowsOf(runtimeFlags) },
      { title: 'Commands', rows: commands },
      ...flags,
      { title: 'Environment', rows: runtimeVariables },
      { title: 'Files', rows: [{ term: '/run/orlop-runtime/', about: 'Records of containers, unless --root says otherwise' }] },
    ],
    related: others('orlop-runtime'),
  };
}

function rowsOf(table: FlagTable): Row[] {
  return flagRows(table).map(([term, about]) => ({ term, about: capitalize(about) }));
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
