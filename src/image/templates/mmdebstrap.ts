import { dirname } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { PackageRequest, Packager, PackagerOptions, RunProgram } from './types.ts';

export interface MmdebstrapOptions {
  readonly run: RunProgram;
  /** Base address of the Debian mirror; mmdebstrap's own choice (deb.debian.org, with updates and security) without it. */
  readonly mirror?: string;
}

/** Makes Debian roots with mmdebstrap(1), which needs root or subordinate ids. */
export function createMmdebstrap(options: MmdebstrapOptions): Packager {
  return {
    async build(request, how) {
      const tail: string[] = [];
      const onLine = (line: string): void => {
        tail.push(line);
        if (tail.length > 200) tail.shift();
        const status = statusOf(line);
        if (status !== null) how.onStatus(status);
      };
      const env = {
        SOURCE_DATE_EPOCH: String(request.epoch),
        LC_ALL: 'C.UTF-8',
        TMPDIR: dirname(request.output),
        DEBIAN_FRONTEND: 'noninteractive',
      };
      const { code } = await start(options, request, how, { env, onLine });
      if (code !== 0) throw explainFailure(request.source.suite, request.source.mirror ?? options.mirror, tail);
    },
  };
}

async function start(
  { run, mirror }: MmdebstrapOptions,
  request: PackageRequest,
  { signal }: PackagerOptions,
  how: { readonly env: Readonly<Record<string, string>>; readonly onLine: (line: string) => void },
): Promise<{ readonly code: number | null }> {
  try {
    return await run('mmdebstrap', planArguments(request, mirror), { ...how, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    if (signal?.aborted === true) {
      throw new OrlopError('cancelled', 'IMAGE_BUILD_CANCELLED', `making the root of ${request.source.suite} was cancelled`, {
        cause: error,
      });
    }
    if (!isErrno(error, 'ENOENT')) throw error;
    throw new OrlopError('failed-precondition', 'IMAGE_PACKAGER_MISSING', 'mmdebstrap is not installed', {
      hint: 'install the package mmdebstrap',
      cause: error,
    });
  }
}

/** Pure. Hooks run in a shell with the root as "$1" (mmdebstrap(1), HOOKS); what goes into them is quoted. */
export function planArguments(request: PackageRequest, mirror?: string): string[] {
  const { source, packages, masked, leftOut, kept, commands, output } = request;
  const address = source.mirror ?? mirror;
  const hooks = [
    ...masked.map((unit) => `mkdir -p "$1/etc/systemd/system" && ln -sf /dev/null "$1/etc/systemd/system/${unit}"`),
    ...commands.map((command) => `chroot "$1" /bin/sh -ec ${quoted(command)}`),
    // They are the building machine's. The container gets its own.
    'rm -f "$1/etc/resolv.conf" "$1/etc/hostname"',
    ...traces.map((files) => `cd "$1" && rm -f ${files}`),
    `sed -i '/^${unsafe}$/d' "$1/${settings}" && if ! [ -s "$1/${settings}" ]; then rm -f "$1/${settings}"; fi`,
  ];
  return [
    '--variant=minbase',
    '--format=tar',
    ...(packages.length === 0 ? [] : [`--include=${packages.join(',')}`]),
    `--dpkgopt=${unsafe}`,
    ...leftOut.map((path) => `--dpkgopt=path-exclude=${path}`),
    ...kept.map((path) => `--dpkgopt=path-include=${path}`),
    ...(source.staleMirror === true ? ['--aptopt=Acquire::Check-Valid-Until "false"'] : []),
    ...hooks.map((hook) => `--customize-hook=${hook}`),
    source.suite,
    output,
    ...(address === undefined ? [] : [address]),
  ];
}

/** dpkg(1): not each file is synced. A root that is half made when the host goes down is thrown away; what is made of it sets its own. */
const unsafe = 'force-unsafe-io';
/** Where mmdebstrap writes what dpkg was told. */
const settings = 'etc/dpkg/dpkg.cfg.d/99mmdebstrap';

/**
 * Beyond what mmdebstrap takes out for the sake of equal results (mmdebstrap(1), cleanup/reproducible): backups of databases, which hold what was there in
 * between; logs of logins and of programs; how old the mirror was allowed to be, which is no setting of the root.
 */
const traces = [
  'etc/passwd- etc/group- etc/shadow- etc/gshadow- etc/subuid- etc/subgid- etc/.pwd.lock',
  'var/lib/dpkg/*-old var/cache/debconf/*-old var/log/*.log var/log/apt/*',
  'etc/apt/apt.conf.d/99mmdebstrap',
];

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** What a line tells the person who waits; null for chatter. */
export function statusOf(line: string): string | null {
  const [, text] = /^I: (.*)$/.exec(line.trim()) ?? [];
  if (text === undefined || /tempdir|automatically|chroot architecture|signed-by|-hook in shell|received signal|^done$|^success/.test(text))
    return null;
  return text.replace(/\.\.\.$/, '');
}

const causes: readonly { readonly pattern: RegExp; readonly explain: (suite: string, mirror: string) => OrlopError }[] = [
  {
    pattern: /No space left on device|ENOSPC/i,
    explain: (suite) =>
      new OrlopError('resource-exhausted', 'IMAGE_DISK_FULL', `no space left on the disk while making the root of ${suite}`, {
        hint: 'free some space below the data root and try again',
      }),
  },
  {
    pattern: /does not have a Release file|404\s+Not Found.*(?:In)?Release|is not (?:a )?(?:known|valid) suite/i,
    explain: (suite, mirror) =>
      new OrlopError('not-found', 'IMAGE_SUITE_NOT_FOUND', `${mirror} has no suite ${suite}`, { hint: 'choose another suite or mirror' }),
  },
  {
    pattern: /Release file for .* is (?:expired|not valid yet)/,
    explain: (suite, mirror) =>
      new OrlopError('unavailable', 'IMAGE_MIRROR_STALE', `the package lists of ${suite} at ${mirror} are out of date`, {
        hint: "check this machine's clock, use a mirror that is kept up to date, or build with --stale-mirror: fixes may be missing then",
      }),
  },
  {
    pattern:
      /Could not resolve|Could not connect|Unable to connect|Cannot initiate the connection|Temporary failure|Failed to fetch|Connection (?:failed|refused|timed out)/i,
    explain: (_suite, mirror) =>
      new OrlopError('unavailable', 'IMAGE_MIRROR_UNREACHABLE', `${mirror} cannot be reached`, {
        hint: 'check the network or proxy and try again',
      }),
  },
];

/** Pure: one sentence for what mmdebstrap printed before it gave up. */
export function explainFailure(suite: string, mirror: string | undefined, lines: readonly string[]): OrlopError {
  const where = mirror ?? "Debian's mirror";
  const text = lines.join('\n');
  const cause = causes.find(({ pattern }) => pattern.test(text));
  if (cause !== undefined) return cause.explain(suite, where);
  // The first complaint is the cause, the later ones are its echo.
  const complaint = lines.find((line) => /^E: |error/i.test(line)) ?? lines.at(-1) ?? 'it said nothing';
  return new OrlopError(
    'internal',
    'IMAGE_PACKAGER_FAILED',
    `mmdebstrap could not make the root of ${suite}: ${complaint.replace(/^E: /, '')}`,
    {
      details: { output: lines.slice(-20) },
    },
  );
}
