import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { loadAddon } from '#sys';
import { subnetOf } from '../addresses.ts';
import { plainNetwork } from '../testing/firewalled.ts';
import { ip, isInOwnNetwork, rerunInOwnNetwork, testGroup, whyNoNetworks } from '../testing/own-network.ts';
import { applyRuleset, describeFailure } from './nft.ts';
import { planRemoval, planRuleset } from './ruleset.ts';

const place = { table: 'orlop-t', linkGroup: testGroup };

/** For runs in which nft never reads its input. */
const fileCalls = { memfd: () => openSync('/dev/null', 'r'), close: closeSync };

const networks = ['172.17.0.0', '172.18.0.0'].map((base, index) =>
  plainNetwork({ links: [`abr${index}`], subnets: [subnetOf(ip(base), 16)] }),
);

test('what nft says becomes an error that says what to do', () => {
  const said = (stderr: string) => describeFailure({ code: 1, stderr });
  const kinds = [
    said('internal:0:0-0: Error: Could not process rule: Operation not supported'),
    said('netlink: Error: cache initialization failed: Operation not permitted'),
    said('internal:0:0-0: Error: Invalid rule'),
    describeFailure({ code: null, stderr: '' }),
  ].map((error) => `${error.kind} ${error.hint !== undefined}`);
  assert.deepEqual(kinds, ['failed-precondition true', 'permission-denied true', 'internal false', 'internal false']);
});

test('every plan makes the table anew in one transaction', () => {
  const plan = planRuleset(place, { networks });
  assert.equal(planRemoval('orlop-t'), 'add table inet orlop-t\ndelete table inet orlop-t\n');
  assert.ok(plan.startsWith(`${planRemoval('orlop-t')}table inet orlop-t {\n`));
});

test('a name that nft would take for something else is refused', () => {
  const named = (link: string) => planRuleset(place, { networks: networks.map((network) => ({ ...network, links: [link] })) });
  for (const link of ['br*', 'a"b', 'back\\slash', 'a b', '', 'sixteen-letters-'])
    assert.throws(() => named(link), { code: 'NETWORK_LINK_NAME_BAD' });
  assert.match(named('br-1.x_y:z@w'), /"br-1\.x_y:z@w"/);
});

if (!isInOwnNetwork()) {
  test('nft takes the plans', { skip: whyNoNetworks() }, () => rerunInOwnNetwork(import.meta.filename));
} else {
  const addon = loadAddon();
  const list = (): string => execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8' });

  test('applying is repeatable, changes only its own table, and removing removes it', async () => {
    execFileSync('nft', ['add', 'table', 'inet', 'somebody-elses']);
    for (let round = 0; round < 2; round += 1) await applyRuleset(addon, planRuleset(place, { networks }));
    const text = list();
    assert.equal(text.match(/oifname @bridges goto entering/g)?.length, 1);
    assert.match(text, /ip saddr @hidden4 oifname != @bridges masquerade/);
    assert.match(text, /"abr1" \. "abr1" : accept/);
    await applyRuleset(addon, planRuleset(place, { networks: [] }));
    assert.doesNotMatch(list(), /abr0/);
    for (let round = 0; round < 2; round += 1) await applyRuleset(addon, planRemoval('orlop-t'));
    assert.equal(list().trim(), 'table inet somebody-elses {\n}');
  });

  test('a plan that nft refuses changes nothing', async () => {
    const broken = `${planRuleset(place, { networks })}add rule inet orlop-t forward nonsense\n`;
    await assert.rejects(applyRuleset(addon, broken), (error) => isOrlopError(error));
    assert.doesNotMatch(list(), /orlop-t/);
  });
}

test('without nft the error names the package', async () => {
  const missing = applyRuleset(fileCalls, planRemoval('orlop-t'), { searchPath: '/nowhere' });
  await assert.rejects(missing, (error) => isOrlopError(error, 'failed-precondition') && (error.hint ?? '').includes('nftables'));
});

test('an nft that never ends is ended', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-nft-'));
  try {
    writeFileSync(join(directory, 'nft'), '#!/bin/sh\nexec /bin/sleep 600\n', { mode: 0o755 });
    const stuck = applyRuleset(fileCalls, planRemoval('orlop-t'), { searchPath: directory, timeoutMs: 50 });
    await assert.rejects(stuck, (error) => isOrlopError(error, 'deadline-exceeded'));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
