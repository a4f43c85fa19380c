import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readCdiRegistry } from './cdi-registry.ts';

const root = mkdtempSync(join(tmpdir(), 'orlop-cdi-'));
after(() => rmSync(root, { recursive: true }));

function directoryWith(name: string, files: Readonly<Record<string, string>>): string {
  const directory = join(root, name);
  mkdirSync(directory);
  for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text);
  return directory;
}

const json = (version: string, device: string, value: string): string =>
  JSON.stringify({ cdiVersion: version, kind: 'v.com/net', devices: [{ name: device, containerEdits: { env: [`V=${value}`] } }] });

test('devices are found in JSON and YAML, and what cannot be read is said', () => {
  const directory = directoryWith('mixed', {
    'a.json': json('0.8.0', 'a', '1'),
    'b.yaml': 'cdiVersion: v1.0.0\nkind: v.com/net\ndevices:\n  - name: b\n    containerEdits: {env: ["V=2"]}\n',
    'c.yml': 'kind: [',
    'd.json': json('7.0.0', 'd', '4'),
    'e.txt': json('0.8.0', 'e', '5'),
    'f.yaml': `a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [${'*a,'.repeat(20)}]\nc: &c [${'*b,'.repeat(20)}]\nd: [${'*c,'.repeat(20)}]\n`,
  });
  const { devices, problems } = readCdiRegistry([directory, join(root, 'absent')]);
  assert.deepEqual([...devices.keys()], ['v.com/net=a', 'v.com/net=b']);
  assert.deepEqual(
    problems.map((problem) => /(\w\.\w+)/.exec(problem.slice(directory.length))?.[1]),
    ['c.yml', 'd.json', 'f.yaml'],
  );
  assert.match(problems.join(), /cdiVersion "7\.0\.0" is not known/);
});

test('the latter directory wins, and two files of one directory that disagree give nothing', () => {
  const first = directoryWith('first', { 'a.json': json('0.8.0', 'a', 'first'), 'b.json': json('0.8.0', 'b', 'first') });
  const second = directoryWith('second', {
    'a.json': json('0.8.0', 'a', 'second'),
    'b.json': json('0.8.0', 'b', '1'),
    'c.json': json('0.8.0', 'b', '2'),
  });
  const { devices, problems } = readCdiRegistry([first, second]);
  assert.deepEqual(devices.get('v.com/net=a')?.device.edits.env, ['V=second']);
  assert.deepEqual([devices.has('v.com/net=b'), problems.length], [false, 1]);
});
