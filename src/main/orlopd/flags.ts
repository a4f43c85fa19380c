/** `switch`: on or off · `text`: the last one counts · `list`: may be given several times. */
export interface EngineFlag {
  readonly name: string;
  readonly short?: string;
  readonly kind: 'switch' | 'text' | 'list';
  /** What stands for the value in help texts. */
  readonly value?: string;
  /** What it is for, a line of the help each. */
  readonly help: readonly string[];
  /** What holds without it. */
  readonly preset?: string;
  /** `never`: not in the configuration file, because it is about one run of the program. */
  readonly inFile?: 'never';
  /** Known only to be refused with a reason. */
  readonly isHidden?: true;
}

export const defaultConfigFile = '/etc/orlop/config.yaml';

/** All flags of orlopd, in the order of its help; the names are those of the settings in its configuration file. */
export const engineFlags = [
  {
    name: 'data-root',
    kind: 'text',
    value: 'DIR',
    help: ['images, layers, containers and the database'],
    preset: '/var/lib/orlop',
  },
  { name: 'exec-root', kind: 'text', value: 'DIR', help: ['what lives until the next boot'], preset: '/run/orlop' },
  {
    name: 'host',
    short: 'H',
    kind: 'list',
    value: 'ADDRESS',
    help: [
      'where to listen: unix://PATH, fd:// for the sockets of a service manager,',
      'or tcp://HOST:PORT with --tlsverify; may be given several times',
    ],
    preset: 'unix://EXEC-ROOT/orlop.sock',
  },
  {
    name: 'group',
    short: 'G',
    kind: 'text',
    value: 'GROUP',
    help: ['may use the unix sockets without being root'],
    preset: 'orlop',
  },
  { name: 'tlsverify', kind: 'switch', help: ['serve ports to clients with a certificate, and to nobody else'] },
  { name: 'tlscacert', kind: 'text', value: 'FILE', help: ['the authority of clients'], preset: '/etc/orlop/tls/ca.pem' },
  { name: 'tlscert', kind: 'text', value: 'FILE', help: ['the certificate of this host'], preset: '/etc/orlop/tls/cert.pem' },
  { name: 'tlskey', kind: 'text', value: 'FILE', help: ['its key'], preset: '/etc/orlop/tls/key.pem' },
  { name: 'tls', kind: 'switch', help: [], isHidden: true },
  { name: 'pidfile', kind: 'text', value: 'FILE', help: ['write the process id here'] },
  { name: 'registry', kind: 'text', value: 'HOST:PORT', help: ['serve a registry as well, with its content in DATA-ROOT/registry'] },
  { name: 'log-level', kind: 'text', value: 'LEVEL', help: ['debug, info, warn or error'], preset: 'info' },
  { name: 'sandboxes', kind: 'text', value: 'N', help: ['how many sandboxes are kept ready for fast starts, 0 to 64'], preset: '4' },
  {
    name: 'registries',
    kind: 'text',
    value: 'FILE',
    help: ['mirrors, blocks and trust for registries'],
    preset: '/etc/orlop/registries.json',
  },
  { name: 'remotes', kind: 'text', value: 'FILE', help: ['servers of images for LXD and Incus'], preset: '/etc/orlop/remotes.json' },
  { name: 'templates', kind: 'text', value: 'DIR', help: ['recipes for base images, *.json'], preset: '/etc/orlop/templates' },
  {
    name: 'storage-driver',
    kind: 'text',
    value: 'NAME',
    help: ['overlay, or native: a whole copy of the image for each container'],
    preset: 'overlay',
  },
  {
    name: 'publish-address',
    kind: 'list',
    value: 'IP',
    help: ['where ports are published that name no address; may be given several times'],
    preset: '0.0.0.0 and ::',
  },
  {
    name: 'log-driver',
    kind: 'text',
    value: 'NAME',
    help: ["how containers' output is kept unless they say: json-file, local or none"],
    preset: 'json-file',
  },
  {
    name: 'log-opt',
    kind: 'list',
    value: 'NAME=VALUE',
    help: ['options of that driver, such as max-size=10m, max-file=3, max-age=7d; may be given several times'],
  },
  {
    name: 'embedded',
    kind: 'switch',
    help: ['end when standard input does, and remove all containers and networks then'],
    inFile: 'never',
  },
  {
    name: 'remove-at-end',
    kind: 'text',
    value: 'DIR',
    help: ['with --embedded: remove this directory as well, which holds both roots'],
    inFile: 'never',
  },
  {
    name: 'cdi-spec-dir',
    kind: 'list',
    value: 'DIR',
    help: ['where devices are described for CDI; may be given several times'],
    preset: '/etc/cdi and /var/run/cdi',
  },
  {
    name: 'config-file',
    kind: 'text',
    value: 'FILE',
    help: ['these settings by their names, in YAML'],
    preset: defaultConfigFile,
    inFile: 'never',
  },
  { name: 'help', short: 'h', kind: 'switch', help: [], inFile: 'never' },
  { name: 'version', short: 'v', kind: 'switch', help: [], inFile: 'never' },
] as const satisfies readonly EngineFlag[];

type ValueOf<Kind extends EngineFlag['kind']> = Kind extends 'switch' ? boolean : Kind extends 'list' ? string[] : string;

/** What was given of the flags, by their names. */
export type FlagValues = { readonly [Flag in (typeof engineFlags)[number] as Flag['name']]?: ValueOf<Flag['kind']> };

/** `orlopd --help`. */
export function formatUsage(flags: readonly EngineFlag[]): string {
  const rows = flags.filter(({ isHidden }) => isHidden !== true).map(formatFlag);
  return `Usage: orlopd [OPTIONS]\n\nThe engine: serves the Docker Engine API and Orlop's own, and keeps containers.\n\n${rows.join('')}`;
}

const helpColumn = 28;

function formatFlag({ name, short, value, help, preset }: EngineFlag): string {
  const spelling = `  ${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
  const [first = '', ...more] = preset === undefined ? help : [...help.slice(0, -1), `${help.at(-1) ?? ''} (default ${preset})`];
  const lines = [
    first === '' ? spelling : `${spelling.padEnd(helpColumn - 1)} ${first}`,
    ...more.map((line) => ' '.repeat(helpColumn) + line),
  ];
  return lines.map((line) => `${line}\n`).join('');
}
