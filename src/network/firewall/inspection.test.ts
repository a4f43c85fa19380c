import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { createLogger } from '#log';
import { loadAddon } from '#sys';
import { subnetOf } from '../addresses.ts';
import { openRouteSocket } from '../netlink/socket.ts';
import { plainNetwork } from '../testing/firewalled.ts';
import { ip, isInOwnNetwork, openOutside, rerunInOwnNetwork, testGroup, whyNoNetworks } from '../testing/own-network.ts';
import { openFirewall } from './firewall.ts';
import { parseForeignRules } from './foreign-rules.ts';
import { inspectHost } from './inspect-host.ts';
import { inspectLegacyRules, inspectRules, type Finding } from './inspection.ts';

const network = plainNetwork({ links: ['abr0'], subnets: [subnetOf(ip('172.17.0.0'), 16)] });
const forward = { protocol: 'tcp', hostAddress: null, hostPort: 8080, target: ip('172.17.0.2'), targetPort: 80 } as const;

const brief = (findings: readonly Finding[]): string[] => findings.map(({ state, name }) => `${state} ${name}`);
const [out, published] = ['IPv4 from abr0 to the outside', 'published port 0.0.0.0:8080/tcp'];

test('a listing that is none has no rules, and nothing is in the way', () => {
  for (const listing of [
    null,
    1,
    [],
    { nftables: 1 },
    { nftables: [null, { rule: null }, { rule: { expr: 1 } }, { chain: { hook: 1 } }, { set: [] }] },
  ]) {
    const findings = inspectRules({ networks: [network], forwards: [forward], uplink: 'up0' }, parseForeignRules(listing, 'orlop-t'));
    assert.deepEqual(brief(findings), [`ok ${out}`, `ok ${published}`]);
  }
});

test('legacy rules are guessed at by their policy', () => {
  const saved = (lines: string): string => `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n${lines}COMMIT\n`;
  assert.deepEqual(brief(inspectLegacyRules(saved(''), [network])), ['warn legacy iptables and abr0']);
  assert.match(inspectLegacyRules(saved(''), [network])[0]?.advice ?? '', /^iptables-legacy -I FORWARD -i abr0 .* iptables-legacy -I/);
  assert.deepEqual(inspectLegacyRules(saved('-A FORWARD -i abr0 -j ACCEPT\n'), [network]), []);
  assert.deepEqual(inspectLegacyRules('', [network]), []);
});

test('the advice is in the words of whoever keeps the table', () => {
  const chain = (table: string, name: string, hook?: string) => ({
    chain: { family: 'ip', table, name, ...(hook === undefined ? {} : { hook, policy: 'drop' }) },
  });
  const advice = (...nftables: object[]): string =>
    inspectRules({ networks: [network], forwards: [], uplink: 'up0' }, parseForeignRules({ nftables }, 'orlop-t'))[0]?.advice ?? '';
  assert.match(advice(chain('firewalld', 'filter_FORWARD', 'forward')), /^firewall-cmd .*--add-interface=abr0/);
  assert.match(advice(chain('filter', 'FORWARD', 'forward'), chain('filter', 'ufw-before-forward')), /^ufw route allow in on abr0 && ufw/);
  assert.match(advice(chain('filter', 'FORWARD', 'forward'), chain('filter', 'DOCKER-USER')), /^iptables -I DOCKER-USER -i abr0 /);
  assert.match(advice(chain('filter', 'FORWARD', 'forward')), /^iptables -I FORWARD -i abr0 /);
  assert.match(advice(chain('mine', 'fw', 'forward')), /^nft insert rule ip mine fw iifname "abr0" accept && /);
});

if (!isInOwnNetwork()) {
  test('what is in the way of containers is found', { skip: whyNoNetworks() }, () => rerunInOwnNetwork(import.meta.filename));
} else {
  const addon = loadAddon();
  const outside = await openOutside(addon, 1400);
  const nft = (text: string) => execFileSync('nft', ['-f', '-'], { input: text });
  const firewall = openFirewall({ addon, logger: createLogger({ sink: () => {} }), table: 'orlop-t', linkGroup: testGroup });
  const socket = openRouteSocket(addon);
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  await firewall.apply([network]);
  await firewall.forward('box', [forward]);
  const inspect = () => inspectHost({ firewall, socket, table: 'orlop-t' });

  test.after(async () => {
    await firewall.remove();
    for (const each of [firewall, socket]) each[Symbol.dispose]();
    await outside[Symbol.asyncDispose]();
  });

  /** What the host's own table has at the hook, and how the way out and the published port fare. */
  interface Case {
    readonly hook?: string;
    readonly policy?: string;
    readonly rules?: readonly string[];
    /** Another chain, `x`. */
    readonly other?: string;
    readonly states: readonly [Finding['state'], Finding['state']];
  }
  const cases: Readonly<Record<string, Case>> = {
    'a policy that drops': { policy: 'drop', states: ['fail', 'fail'] },
    'a policy for another hook': { hook: 'input', policy: 'drop', states: ['ok', 'ok'] },
    'an accept for the bridge': { policy: 'drop', rules: ['iifname "abr*" accept'], states: ['ok', 'fail'] },
    'an accept for what was translated, behind a jump': {
      policy: 'drop',
      rules: ['ct state established,related accept', 'jump x'],
      other: 'ct status dnat accept',
      states: ['fail', 'ok'],
    },
    'a port of a set': { rules: ['ip daddr 172.17.0.0/24 tcp dport { 80, 90-99 } reject'], states: ['warn', 'fail'] },
    'another port': { rules: ['tcp dport 90-100 drop', 'udp dport 80 drop'], states: ['warn', 'ok'] },
    'another family': { rules: ['meta nfproto ipv6 drop', 'ip6 daddr fd00::1 drop'], states: ['ok', 'ok'] },
    'what cannot be judged': { rules: ['limit rate 1/second drop'], states: ['warn', 'warn'] },
    'what may let it through': { policy: 'drop', rules: ['meta mark 1 accept'], states: ['warn', 'warn'] },
    'a map of verdicts': { rules: ['ct state vmap { established : accept, new : drop }'], states: ['fail', 'fail'] },
    'an exception': { rules: ['oifname != { "abr0", "up0" } drop', 'return', 'drop'], states: ['ok', 'ok'] },
    'links in both directions': { rules: ['iifname "up0" oifname "abr0" goto x', 'accept'], other: 'drop', states: ['ok', 'fail'] },
  };
  for (const [name, { hook = 'forward', policy = 'accept', rules = [], other = '', states }] of Object.entries(cases)) {
    test(`rules are judged: ${name}`, async () => {
      const base = `type filter hook ${hook} priority 0; policy ${policy};`;
      nft(`table inet host {\nchain x {\n${other}\n}\nchain f {\n${base}\n${rules.join('\n')}\n}\n}\n`);
      const findings = await inspect();
      execFileSync('nft', ['delete', 'table', 'inet', 'host']);
      const found = [out, published].map((wanted) => findings.find((finding) => finding.name === wanted)?.state);
      assert.deepEqual(found, states, JSON.stringify(findings));
    });
  }

  test('the command that is advised opens the way', async () => {
    nft('table ip filter {\nchain FORWARD {\ntype filter hook forward priority 0; policy drop;\n}\n}\n');
    nft('table inet custom {\nchain fw {\ntype filter hook forward priority 5; policy drop;\n}\n}\n');
    for (let round = 0; round < 2; round += 1) {
      const blocked = (await inspect()).filter(({ state }) => state === 'fail');
      assert.equal(blocked.length, 2, JSON.stringify(blocked));
      assert.match(
        blocked[0]?.text ?? '',
        round === 0 ? /chain FORWARD of table ip filter drops it/ : /chain fw of table inet custom drops it/,
      );
      execFileSync('sh', ['-c', blocked[0]?.advice ?? 'false']);
    }
    const states = (await inspect()).map(({ state }) => state);
    assert.ok(!states.includes('fail'), JSON.stringify(await inspect()));
    for (const table of [
      ['ip', 'filter'],
      ['inet', 'custom'],
    ]) {
      execFileSync('nft', ['delete', 'table', ...table]);
    }
  });

  test('a table that somebody removed, and forwarding that somebody switched off, are told', async () => {
    assert.deepEqual(
      (await inspect()).filter(({ state }) => state !== 'ok'),
      [],
    );
    execFileSync('nft', ['delete', 'table', 'inet', 'orlop-t']);
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '0');
    assert.deepEqual(brief((await inspect()).filter(({ state }) => state !== 'ok')), ['fail table orlop-t', 'fail IPv4 forwarding']);
  });
}
