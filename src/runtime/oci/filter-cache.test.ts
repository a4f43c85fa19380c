import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { LinuxSeccomp } from '#oci';
import { loadAddon } from '#sys';
import { compileSeccomp, defaultProfile } from '../seccomp/index.ts';
import { listRecords } from '../state/record.ts';
import { cachedSeccomp, type FilterCacheOptions } from './filter-cache.ts';

const profile = defaultProfile(['CAP_CHOWN'], process.arch);
const compiled = compileSeccomp(profile, { arch: process.arch });

function makeRoot(t: TestContext): FilterCacheOptions & { readonly files: () => string[] } {
  const root = mkdtempSync(join(tmpdir(), 'orlop-filters-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return {
    root,
    version: '1',
    addon: loadAddon,
    files: () => readdirSync(join(root, '~filters')).map((name) => join(root, '~filters', name)),
  };
}

/** What is in the file instead of the true filter, which shows whether the file is used. */
function mark(file: string | undefined): void {
  assert.ok(file !== undefined);
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), filter: 'bWFyaw==' }));
}

test('a filter is compiled once, and the next command finds it', (t) => {
  const { files, ...cache } = makeRoot(t);
  assert.deepEqual(Buffer.from(cachedSeccomp(profile, cache).filter), Buffer.from(compiled.filter));
  assert.equal(files().length, 1);
  const again = cachedSeccomp(profile, cache);
  assert.deepEqual({ ...again, filter: Buffer.from(again.filter) }, { ...compiled, filter: Buffer.from(compiled.filter) });
  mark(files()[0]);
  assert.equal(Buffer.from(cachedSeccomp(profile, cache).filter).toString(), 'mark');
  assert.deepEqual(listRecords(cache.root), []);
});

test('another profile, another version, and a file that says something else get a filter of their own', (t) => {
  const { files, ...cache } = makeRoot(t);
  cachedSeccomp(profile, cache);
  const [file] = files();
  mark(file);
  const other: LinuxSeccomp = { ...profile, defaultErrnoRet: 38 };
  assert.notDeepEqual(Buffer.from(cachedSeccomp(other, cache).filter).toString(), 'mark');
  assert.deepEqual(Buffer.from(cachedSeccomp(profile, { ...cache, version: '2' }).filter), Buffer.from(compiled.filter));
  assert.ok(file !== undefined);
  writeFileSync(file, JSON.stringify({ text: 'something else', flags: 0, filter: 'bWFyaw==' }));
  assert.deepEqual(Buffer.from(cachedSeccomp(profile, cache).filter), Buffer.from(compiled.filter));
});

test('a file that others could have written, a damaged one and a root that cannot be written are passed over', (t) => {
  const { files, ...cache } = makeRoot(t);
  cachedSeccomp(profile, cache);
  const [file = ''] = files();
  mark(file);
  chmodSync(file, 0o620);
  assert.deepEqual(Buffer.from(cachedSeccomp(profile, cache).filter), Buffer.from(compiled.filter));
  writeFileSync(file, '{');
  assert.deepEqual(Buffer.from(cachedSeccomp(profile, cache).filter), Buffer.from(compiled.filter));
  assert.deepEqual(Buffer.from(cachedSeccomp(profile, { ...cache, root: '/dev/null/nowhere' }).filter), Buffer.from(compiled.filter));
});

test('profiles for a listener are not kept, and many profiles do not fill the disk', (t) => {
  const { files, ...cache } = makeRoot(t);
  const notify: LinuxSeccomp = {
    defaultAction: 'SCMP_ACT_ALLOW',
    listenerPath: '/run/agent.sock',
    syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }],
  };
  assert.equal(cachedSeccomp(notify, cache).listener?.path, '/run/agent.sock');
  for (let code = 1; code < 100; code += 1) cachedSeccomp({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: code }, cache);
  assert.ok(files().length > 0 && files().length <= 32, `${files().length} files`);
});
