import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isOrlopError, type ErrorKind } from '#errors';
import { createMmdebstrap, explainFailure, planArguments, statusOf } from './mmdebstrap.ts';
import type { PackageRequest, RunProgram } from './types.ts';

const request: PackageRequest = {
  source: { type: 'debian', suite: 'trixie' },
  packages: [],
  masked: [],
  leftOut: [],
  kept: [],
  commands: [],
  epoch: 86_400,
  output: '/scratch/app/root.tar',
};

describe('the command line of mmdebstrap', () => {
  it("asks for the minimal base and takes the host's files out", () => {
    const words = planArguments(request);
    assert.deepEqual(
      words.filter((word) => !word.startsWith('--customize-hook=')),
      ['--variant=minbase', '--format=tar', '--dpkgopt=force-unsafe-io', 'trixie', '/scratch/app/root.tar'],
    );
    assert.ok(words.includes('--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname"'));
  });

  it('adds packages, masked units and the mirror', () => {
    const words = planArguments({ ...request, packages: ['a', 'b'], masked: ['x.service'] }, 'http://mirror');
    assert.ok(words.includes('--include=a,b'));
    assert.ok(words.some((word) => word.includes('ln -sf /dev/null "$1/etc/systemd/system/x.service"')));
    assert.equal(words.at(-1), 'http://mirror');
  });

  it("prefers the recipe's mirror, and takes old lists from it only when told", () => {
    const source = { ...request.source, mirror: 'http://snapshot', staleMirror: true };
    const words = planArguments({ ...request, source }, 'http://mirror');
    assert.equal(words.at(-1), 'http://snapshot');
    assert.ok(words.includes('--aptopt=Acquire::Check-Valid-Until "false"'));
    assert.ok(!planArguments(request).some((word) => word.includes('Check-Valid-Until')));
  });

  it('leaves paths out in the order that dpkg reads, and runs commands in the root', () => {
    const words = planArguments({
      ...request,
      leftOut: ['/usr/share/doc/*'],
      kept: ['/usr/share/doc/*/copyright'],
      commands: ["echo 'hi'"],
    });
    const at = (word: string): number => words.indexOf(word);
    assert.ok(at('--dpkgopt=path-exclude=/usr/share/doc/*') < at('--dpkgopt=path-include=/usr/share/doc/*/copyright'));
    assert.ok(at('--dpkgopt=path-exclude=/usr/share/doc/*') > 0);
    assert.ok(words.includes(`--customize-hook=chroot "$1" /bin/sh -ec 'echo '\\''hi'\\'''`));
    // What only the making is to skip does not stay in the root.
    assert.ok(words.includes('--dpkgopt=force-unsafe-io'));
    assert.match(words.findLast((word) => word.startsWith('--customize-hook')) ?? '', /sed -i '\/\^force-unsafe-io\$\/d'/);
  });
});

describe('what mmdebstrap says', () => {
  it('becomes a status when it is about the work', () => {
    assert.equal(statusOf('I: downloading packages with apt...'), 'downloading packages with apt');
    for (const line of ['I: automatically chosen mode: root', 'I: using /tmp/x as tempdir', 'Get:1 http://x', ''])
      assert.equal(statusOf(line), null, line);
  });

  const failures: readonly [string, ErrorKind, string][] = [
    ['dpkg: error: failed to write (No space left on device)', 'resource-exhausted', 'IMAGE_DISK_FULL'],
    ["E: The repository 'http://x/debian foo Release' does not have a Release file.", 'not-found', 'IMAGE_SUITE_NOT_FOUND'],
    ["Err:1 http://x trixie InRelease  Could not resolve 'x'", 'unavailable', 'IMAGE_MIRROR_UNREACHABLE'],
    ['E: Release file for http://x/InRelease is expired (invalid since 15d).', 'unavailable', 'IMAGE_MIRROR_STALE'],
    ['E: something else', 'internal', 'IMAGE_PACKAGER_FAILED'],
  ];
  for (const [line, kind, code] of failures) {
    it(`"${line.slice(0, 40)}…" ends as ${code}`, () => {
      const error = explainFailure('trixie', undefined, ['I: running', line, 'I: removing tempdir']);
      assert.deepEqual([error.kind, error.code], [kind, code]);
    });
  }
});

describe('the packager', () => {
  const build = (run: RunProgram, signal?: AbortSignal): Promise<void> =>
    createMmdebstrap({ run }).build(request, { onStatus: () => undefined, ...(signal === undefined ? {} : { signal }) });

  it('says that mmdebstrap is missing', async () => {
    const missing: RunProgram = () => Promise.reject(Object.assign(new Error('spawn'), { code: 'ENOENT' }));
    await assert.rejects(build(missing), (error) => isOrlopError(error, 'failed-precondition') && error.code === 'IMAGE_PACKAGER_MISSING');
  });

  it('says that it was cancelled', async () => {
    const aborted: RunProgram = () => Promise.reject(new Error('aborted'));
    await assert.rejects(build(aborted, AbortSignal.abort()), (error) => isOrlopError(error, 'cancelled'));
  });

  it('works below its output, at the given time, and passes statuses on', async () => {
    const seen: unknown[] = [];
    const run: RunProgram = (_file, _args, options) => {
      options?.onLine?.('I: extracting archives...');
      seen.push(options?.env?.['TMPDIR'], options?.env?.['SOURCE_DATE_EPOCH']);
      return Promise.resolve({ code: 0, stdout: '' });
    };
    await createMmdebstrap({ run }).build(request, { onStatus: (status) => seen.push(status) });
    assert.deepEqual(seen, ['extracting archives', '/scratch/app', '86400']);
  });
});
