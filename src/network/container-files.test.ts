import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatHosts } from './hosts-file.ts';
import { formatResolvConf, parseNameservers, readHostResolvConf } from './resolv-conf.ts';

const lines = (text: string): string[] => text.trimEnd().split('\n');

test('hosts names the loopback, what was added, and the container itself last', () => {
  const text = formatHosts({ hostname: 'web', address: '172.17.0.2', extra: [['db', '10.0.0.5']] });
  assert.deepEqual(lines(text).slice(-2), ['10.0.0.5\tdb', '172.17.0.2\tweb']);
  assert.ok(lines(text)[0]?.startsWith('127.0.0.1\tlocalhost'));
  assert.ok(text.endsWith('\n'));
});

test('a dotted host name is also known by its first label; without an address it is the machine itself', () => {
  assert.equal(lines(formatHosts({ hostname: 'web.example.org', address: '172.17.0.2' })).at(-1), '172.17.0.2\tweb.example.org web');
  assert.equal(lines(formatHosts({ hostname: 'web' })).at(-1), '127.0.1.1\tweb');
});

test('nameservers that a container cannot reach are left out, settings stay', () => {
  const host =
    '# made by hand\nnameserver 127.0.0.53\n nameserver 10.0.0.1\nnameserver fe80::1%eth0\nnameserver 2001:db8::1\n;x\nsearch a.org b.org\noptions edns0 trust-ad\nfamily inet\n';
  assert.deepEqual(lines(formatResolvConf(host)), ['nameserver 10.0.0.1', 'search a.org b.org', 'options edns0 trust-ad']);
  assert.deepEqual(parseNameservers(formatResolvConf(host, { ipv6: true })), ['10.0.0.1', '2001:db8::1']);
});

test('without a reachable nameserver there are public ones, of the families that the container has', () => {
  const host = 'nameserver ::1\nnameserver ::ffff:127.0.0.1\nnameserver nonsense\nsearch lan\n';
  assert.deepEqual(lines(formatResolvConf(host)), ['nameserver 8.8.8.8', 'nameserver 8.8.4.4', 'search lan']);
  assert.equal(parseNameservers(formatResolvConf('', { ipv6: true })).length, 4);
});

test('whatever the host file holds, the result has a nameserver and is its own fixed point', () => {
  const word = fc.constantFrom('nameserver', 'search', 'options', '127.0.0.1', '10.1.1.1', '::1', '#', '\t', ' ', '\n', '\r\n', '\0', 'x');
  fc.assert(
    fc.property(fc.array(word, { maxLength: 30 }), fc.boolean(), (words, ipv6) => {
      const once = formatResolvConf(words.join(' '), { ipv6 });
      assert.ok(parseNameservers(once).length > 0);
      assert.equal(formatResolvConf(once, { ipv6 }), once);
    }),
  );
});

test("systemd-resolved's stub gives way to the file with the real nameservers", async () => {
  const files: Record<string, string> = {
    '/etc/resolv.conf': 'nameserver 127.0.0.53\n',
    '/run/systemd/resolve/resolv.conf': 'nameserver 10.0.0.1\n',
  };
  const read = async (path: string): Promise<string> => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
    return text;
  };
  assert.equal(await readHostResolvConf(read), 'nameserver 10.0.0.1\n');
  files['/etc/resolv.conf'] = 'nameserver 10.9.9.9\n';
  assert.equal(await readHostResolvConf(read), 'nameserver 10.9.9.9\n');
  delete files['/etc/resolv.conf'];
  assert.equal(await readHostResolvConf(read), '');
});
