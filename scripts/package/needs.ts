import { spawnSync } from 'node:child_process';

/** Versions of symbols that programs ask the C and C++ libraries for, the highest of each. */
export interface LibraryNeeds {
  /** `2.36`; null when it is not asked for. */
  readonly glibc: string | null;
  /** The number after `GLIBCXX_3.4.`. */
  readonly libstdcxx: number | null;
}

/** What readelf -V says of programs, put together. Pure. */
export function parseNeeds(said: string): LibraryNeeds {
  const versions = [...said.matchAll(/\bGLIBC_(\d+)\.(\d+)(?:\.\d+)?\b/g)].map(
    ([, major, minor]) => [Number(major), Number(minor)] as const,
  );
  const [glibc] = versions.toSorted((a, b) => b[0] - a[0] || b[1] - a[1]);
  const levels = [...said.matchAll(/\bGLIBCXX_3\.4\.(\d+)\b/g)].map(([, level]) => Number(level));
  return { glibc: glibc === undefined ? null : glibc.join('.'), libstdcxx: levels.length === 0 ? null : Math.max(...levels) };
}

/** The first GCC with each level of its C++ library's symbols: GCC's documentation, "ABI Policy and Guidelines". */
const gccVersions: readonly (readonly [level: number, version: string])[] = [
  [21, '5'],
  [22, '6'],
  [24, '7'],
  [25, '8'],
  [28, '9'],
  [29, '11'],
  [30, '12'],
  [32, '13'],
  [33, '14'],
];

/** Debian packages that bring these libraries. Fails for a level that is newer than the table. Pure. */
export function planLibraries({ glibc, libstdcxx }: LibraryNeeds): string[] {
  const packages = glibc === null ? [] : [`libc6 (>= ${glibc})`];
  if (libstdcxx === null) return packages;
  const version = gccVersions.find(([level]) => level >= libstdcxx)?.[1];
  if (version === undefined)
    throw new Error(`nothing is known of GLIBCXX_3.4.${libstdcxx}: complete the table in scripts/package/needs.ts`);
  return [...packages, 'libgcc-s1', `libstdc++6 (>= ${version})`];
}

/** What these programs need, as binutils' readelf reads it. */
export function readNeeds(files: readonly string[]): LibraryNeeds {
  const { status, stdout, error } = spawnSync('readelf', ['-V', '-W', ...files], { encoding: 'utf8', maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`readelf failed: ${error?.message ?? `code ${status}`}`);
  return parseNeeds(stdout);
}
