import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { parseGlobalOptions } from '../global-options.ts';
import { chooseEngine } from './choose.ts';
import { readEndpoint } from './endpoint.ts';
import { listContextNames, parseMeta, placeOf, readContext, removeContext, writeContext, writeCurrent } from './store.ts';

const far = { name: 'far', description: 'the one in the cellar', host: 'tcp://box:2376', tls: { 'ca.pem': 'CA' } };

/** A user of a test's own. */
function openHome() {
  const home = mkdtempSync(join(tmpdir(), 'orlop-contexts-'));
  const env = (more: Record<string, string> = {}) => ({ HOME: home, ...more });
  return { home, env, [Symbol.dispose]: () => rmSync(home, { recursive: true }) };
}

test('a context is what it was when it is read again, until it is removed', () => {
  using user = openHome();
  const { env } = user;
  assert.deepEqual(listContextNames(env()), []);
  writeContext(env(), far);
  writeContext(env(), { ...far, name: 'another', tls: {} });
  assert.deepEqual(listContextNames(env()), ['another', 'far']);
  assert.deepEqual(readContext(env(), 'far'), far);
  assert.equal(statSync(join(placeOf(env(), 'far'), 'tls/docker/ca.pem')).mode & 0o777, 0o600);
  assert.equal(statSync(placeOf(env(), 'far')).mode & 0o077, 0);
  writeContext(env(), { ...far, tls: {} });
  assert.deepEqual(readContext(env(), 'far').tls, {});
  removeContext(env(), 'far');
  assert.throws(() => readContext(env(), 'far'), { kind: 'not-found', message: 'context "far" does not exist' });
  assert.throws(() => readContext(env(), '../contexts/another'), { kind: 'not-found' });
});

test('what is no context is said to be none', () => {
  for (const text of ['', 'null', '[]', '{}', '{"Name":"x","Endpoints":null}', '{"Name":"x","Endpoints":{"docker":{"Host":7}}}'])
    assert.throws(() => parseMeta(text), { kind: 'data-loss' }, text);
  const trusting = '{"Name":"x","Endpoints":{"docker":{"Host":"tcp://x","SkipTLSVerify":true}}}';
  assert.throws(() => parseMeta(trusting), { kind: 'unimplemented' });
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        parseMeta(text);
      } catch (error) {
        assert.ok(isOrlopError(error), String(error));
      }
    }),
  );
});

describe('which engine a command is for', () => {
  test('is said by --context, -H, ORLOP_HOST, ORLOP_CONTEXT and context use, in this order', () => {
    using user = openHome();
    const { env } = user;
    const chosen = (words: string[], more: Record<string, string> = {}) => {
      const engine = chooseEngine(parseGlobalOptions([...words, 'ps']), env(more));
      return [engine.context, engine.host()];
    };
    writeContext(env(), far);
    writeContext(env(), { ...far, name: 'near', host: 'unix:///near' });
    const standard = ['default', 'unix:///run/orlop/orlop.sock'];
    assert.deepEqual(chosen([]), standard);
    writeCurrent(env(), 'far');
    assert.deepEqual(chosen([]), ['far', 'tcp://box:2376']);
    assert.deepEqual(chosen([], { ORLOP_CONTEXT: 'near' }), ['near', 'unix:///near']);
    assert.deepEqual(chosen([], { ORLOP_CONTEXT: 'near', ORLOP_HOST: 'unix:///s' }), ['default', 'unix:///s']);
    assert.deepEqual(chosen(['-H', 'unix:///h'], { ORLOP_HOST: 'unix:///s' }), ['default', 'unix:///h']);
    assert.deepEqual(chosen(['--context', 'near'], { ORLOP_HOST: 'unix:///s' }), ['near', 'unix:///near']);
    assert.deepEqual(chosen(['-c', 'default']), standard);
    assert.deepEqual(chosen([], { DOCKER_CONTEXT: 'near', DOCKER_HOST: 'unix:///d' }), ['far', 'tcp://box:2376']);
    writeCurrent(env(), 'default');
    assert.deepEqual(chosen([]), standard);
    assert.throws(() => chosen(['-c', 'gone']), { kind: 'not-found' });
  });

  test('comes with the certificates of its context, and with no others', () => {
    using user = openHome();
    const { env } = user;
    writeContext(env(), far);
    const choose = (...words: string[]) => chooseEngine(parseGlobalOptions([...words, 'ps']), env({ ORLOP_TLS_VERIFY: '1' }));
    assert.deepEqual(choose('-c', 'far').tls(), { ca: 'CA' });
    assert.throws(() => choose('-c', 'far', '--tlscacert', 'x'), { message: /go with -H/ });
    assert.throws(() => choose('-c', 'far', '-H', 'unix:///x'), { message: /^conflicting options/ });
  });
});

test('an endpoint is a host with its certificates, or that of another context', () => {
  using user = openHome();
  const { home, env } = user;
  mkdirSync(join(home, 'tls'));
  const pem = (name: string): string => {
    writeFileSync(join(home, 'tls', name), name.toUpperCase());
    return join(home, 'tls', name);
  };
  const [ca, cert, key] = [pem('ca'), pem('cert'), pem('key')];
  const tls = { 'ca.pem': 'CA', 'cert.pem': 'CERT', 'key.pem': 'KEY' };
  const whole = readEndpoint(env(), `host=tcp://box,ca=${ca},cert=${cert},key=${key},skip-tls-verify=false`);
  assert.deepEqual(whole, { host: 'tcp://box', tls });
  writeContext(env(), far);
  assert.deepEqual(readEndpoint(env(), 'from=far'), { host: far.host, tls: far.tls });
  const mistakes: [string, RegExp][] = [
    ['', /must be formatted as key=value/],
    ['foo=bar', /^unrecognized config key: foo/],
    [`ca=${ca}`, /has no host=/],
    ['host=box', /is not an engine's address/],
    ['host=ssh://box', /engines are reached over unix:\/\/ and tcp:\/\//],
    [`host=tcp://box,cert=${cert}`, /cert= and key= go together/],
    [`host=unix:///x,ca=${ca}`, /certificates are for tcp/],
    ['host=tcp://box,ca=/no/such', /^\/no\/such cannot be read: ENOENT$/],
    ['host=tcp://box,skip-tls-verify=true', /skip-tls-verify is refused/],
    ['host=tcp://box,from=far', /takes all of a context/],
  ];
  for (const [text, message] of mistakes) assert.throws(() => readEndpoint(env(), text), { message }, text);
  symlinkSync('/nowhere', join(home, 'link'));
  assert.throws(() => readEndpoint(env(), `host=tcp://box,ca=${join(home, 'link')}`), { message: /ENOENT/ });
});
