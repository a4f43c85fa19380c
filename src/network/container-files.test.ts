import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { formatHosts, replaceOwnHosts } from './hosts-file.ts';
import { parseNameservers, planResolvConf, readHostResolvConf, type ResolvConfPlace } from './resolv-conf.ts';

const lines = (text: string): string[] => text.trimEnd().split('\n');

describe('the hosts file', () => {
  test('names the loopback, what was added, and the container itself at each of its addresses, last', () => {
    const text = formatHosts({ hostname: 'web', addresses: ['172.18.0.2', 'fd00::2', '172.19.0.5'], extra: [['db', '10.0.0.5']] });
    assert.deepEqual(lines(text).slice(-4), ['10.0.0.5\tdb', '172.18.0.2\tweb', 'fd00::2\tweb', '172.19.0.5\tweb']);
    assert.ok(lines(text)[0]?.startsWith('127.0.0.1\tlocalhost'));
    assert.ok(text.endsWith('\n'));
  });

  test('gives a dotted name its first label as well; without an address it is the machine itself', () => {
    assert.equal(lines(formatHosts({ hostname: 'web.example.org', addresses: ['172.17.0.2'] })).at(-1), '172.17.0.2\tweb.example.org web');
    assert.equal(lines(formatHosts({ hostname: 'web', addresses: [] })).at(-1), '127.0.1.1\tweb');
  });

  test('says nothing of IPv6 to a container that has none at all', () => {
    assert.equal(formatHosts({ hostname: 'web', addresses: ['172.17.0.2'], ipv6: false }), '127.0.0.1\tlocalhost\n172.17.0.2\tweb\n');
  });

  test('changes only its own lines, where they stand, when addresses come and go', () => {
    const before = `# mine\n${formatHosts({ hostname: 'web', addresses: ['172.18.0.2'] })}10.1.1.1\tprinter web-2\n# the end`;
    const after = replaceOwnHosts(before, { hostname: 'web', addresses: ['172.18.0.2', '172.19.0.2'] });
    assert.equal(after, before.replace('172.18.0.2\tweb\n', '172.18.0.2\tweb\n172.19.0.2\tweb\n'));
    assert.equal(replaceOwnHosts(after, { hostname: 'web', addresses: ['172.18.0.2'] }), before);
  });

  test('gets lines that somebody removed back, at the end', () => {
    assert.equal(replaceOwnHosts('1.1.1.1\tx\n', { hostname: 'web', addresses: ['172.18.0.2'] }), '1.1.1.1\tx\n172.18.0.2\tweb\n');
    assert.equal(replaceOwnHosts('', { hostname: 'web', addresses: ['172.18.0.2'] }), '172.18.0.2\tweb\n');
  });

  test('is made once: replacing what it says by the same changes nothing, whatever else is in it', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'web', '\t', '\n', '#', '1.2.3.4'), { maxLength: 30 }), (words) => {
        const own = { hostname: 'web', addresses: ['172.18.0.2', 'fd00::2'] };
        const once = replaceOwnHosts(words.join(''), own);
        assert.equal(replaceOwnHosts(once, own), once);
      }),
    );
  });
});

describe('resolv.conf', () => {
  test('on the default bridge has the servers that a container reaches, and the settings of the host', () => {
    const host =
      '# made by hand\nnameserver 127.0.0.53\n nameserver 10.0.0.1\nnameserver fe80::1%eth0\nnameserver 2001:db8::1\n;x\nsearch a.org b.org\noptions edns0 trust-ad\nfamily inet\n';
    const plan = planResolvConf(host, 'bridge');
    assert.deepEqual(lines(plan.text), ['nameserver 10.0.0.1', 'search a.org b.org', 'options edns0 trust-ad']);
    assert.equal(plan.needsServer, false);
    assert.deepEqual(parseNameservers(planResolvConf(host, 'bridge', { ipv6: true }).text), ['10.0.0.1', '2001:db8::1']);
  });

  test('asks the engine where the host has nothing that a container reaches, and never a stranger', () => {
    for (const host of [
      'nameserver 127.0.0.1\nsearch lan\n',
      'nameserver ::1\nnameserver ::ffff:127.0.0.1\nnameserver nonsense\nsearch lan\n',
      'search lan\n',
    ]) {
      const plan = planResolvConf(host, 'bridge');
      assert.deepEqual(lines(plan.text), ['nameserver 127.0.0.11', 'search lan', 'options ndots:0']);
      assert.equal(plan.needsServer, true);
    }
  });

  test('asks the engine alone where names are served, and keeps what the host says about searching', () => {
    const plan = planResolvConf('nameserver 10.0.0.1\ndomain old\nsearch a.org\noptions edns0\nsortlist 10.0.0.0\n', 'named');
    assert.deepEqual(lines(plan.text), ['nameserver 127.0.0.11', 'search a.org', 'sortlist 10.0.0.0', 'options edns0 ndots:0']);
    assert.equal(plan.needsServer, true);
    assert.match(planResolvConf('options ndots:3\n', 'named').text, /^options ndots:3$/m);
  });

  test('gives way to what the container asks for', () => {
    const host = 'nameserver 10.0.0.1\nsearch a.org\noptions edns0\n';
    const wishes = { servers: ['127.0.0.1', '9.9.9.9'], search: ['x.org'], options: ['timeout:1'] };
    assert.deepEqual(lines(planResolvConf(host, 'bridge', wishes).text), [
      'nameserver 127.0.0.1',
      'nameserver 9.9.9.9',
      'search x.org',
      'options timeout:1',
    ]);
    assert.deepEqual(lines(planResolvConf(host, 'named', wishes).text), [
      'nameserver 127.0.0.11',
      'search x.org',
      'options timeout:1 ndots:0',
    ]);
    assert.deepEqual(lines(planResolvConf(host, 'bridge', { search: ['.'] }).text), ['nameserver 10.0.0.1', 'options edns0']);
  });

  test("in the host's network is the host's own file, unless something else is asked for", () => {
    const host = '# a comment\nnameserver 127.0.0.53\noptions trust-ad\n';
    assert.deepEqual(planResolvConf(host, 'host'), { text: host, needsServer: false });
    assert.deepEqual(lines(planResolvConf(host, 'host', { search: ['x'] }).text), [
      'nameserver 127.0.0.53',
      'search x',
      'options trust-ad',
    ]);
  });

  test('has a server, whatever the host file holds, and is its own fixed point', () => {
    const word = fc.constantFrom(
      'nameserver',
      'search',
      'options',
      '127.0.0.1',
      '10.1.1.1',
      '::1',
      '#',
      '\t',
      ' ',
      '\n',
      '\r\n',
      '\0',
      'x',
    );
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 30 }),
        fc.boolean(),
        fc.constantFrom<ResolvConfPlace>('bridge', 'named'),
        (words, ipv6, place) => {
          const once = planResolvConf(words.join(' '), place, { ipv6 }).text;
          assert.ok(parseNameservers(once).length > 0);
          assert.equal(planResolvConf(once, place, { ipv6 }).text, once);
        },
      ),
    );
  });

  test("comes from systemd-resolved's file with the real servers where the host's own names its stub only", async () => {
    const files: Record<string, string> = {
      '/etc/resolv.conf': 'nameserver 127.0.0.53\n',
      '/run/systemd/resolve/resolv.conf': 'nameserver 10.0.0.1\n',
    };
    const read = async (path: string): Promise<string> => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
      return text;
    };
    assert.equal(await readHostResolvConf(false, read), 'nameserver 10.0.0.1\n');
    assert.equal(await readHostResolvConf(true, read), 'nameserver 127.0.0.53\n');
    files['/etc/resolv.conf'] = 'nameserver 10.9.9.9\n';
    assert.equal(await readHostResolvConf(false, read), 'nameserver 10.9.9.9\n');
    delete files['/etc/resolv.conf'];
    assert.equal(await readHostResolvConf(false, read), '');
  });
});
