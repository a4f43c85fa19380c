import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { createContainerTable } from '../container/table.ts';
import { idOf, liveWith, requestWith } from '../fixtures/records.ts';
import { openTestEngine, whyNoEngine, type TestEngine } from '../fixtures/test-engine.ts';
import { assertNothingLeft, until } from '../fixtures/traces.ts';
import type { CreateRequest } from '../model.ts';
import { parseLink, resolveLinks, variablesOf } from './links.ts';

describe('a link', () => {
  const links: readonly (readonly [text: string, ref: string, alias: string])[] = [
    ['db', 'db', 'db'],
    ['db:data', 'db', 'data'],
    ['db:', 'db', 'db'],
    ['/db:/web/data', 'db', 'data'],
  ];
  for (const [text, ref, alias] of links) test(text, () => assert.deepEqual(parseLink(text), { ref, alias }));
  for (const text of ['', ':x', 'a:b:c', 'a:b c', 'a:/x/'])
    test(`refused: ${JSON.stringify(text)}`, () => assert.throws(() => parseLink(text), { kind: 'invalid-argument', message: /links/ }));

  const table = createContainerTable();
  table.add(liveWith({ id: idOf('1'), name: 'db' }));
  table.add(liveWith({ id: idOf('2'), name: 'side', network: `container:${idOf('1')}` }));
  table.add(liveWith({ id: idOf('3'), name: 'bare', network: 'host' }));
  const resolve = (links: string[], network = 'bridge') => resolveLinks({ table }, requestWith({ links }), network);

  test('means the container whose network it is', () => {
    assert.deepEqual(resolve(['db:a', 'side:b']), [
      { id: idOf('1'), alias: 'a' },
      { id: idOf('1'), alias: 'b' },
    ]);
  });

  const refused: readonly (readonly [link: string, network: string, message: RegExp])[] = [
    ['nope', 'bridge', /^could not get container for nope: No such container: nope$/],
    ['bare', 'bridge', /^conflicting options: host type networking can't be used with links/],
    ['db', 'host', /^conflicting options: host type networking can't be used with links/],
    ['db', 'none', /^conflicting options: links and the network mode$/],
  ];
  for (const [link, network, message] of refused)
    test(`to ${link} in ${network} is refused`, () => assert.throws(() => resolve([link], network), { kind: 'invalid-argument', message }));

  test('tells the environment in Docker’s names', () => {
    const facts = { path: '/web/my-db', alias: 'my-db', address: '10.0.0.2', env: ['PATH=/bin', 'HOME=/', 'A=1=2', 'bare'] };
    assert.deepEqual(variablesOf({ ...facts, ports: ['5432/tcp'] }), [
      'MY_DB_PORT=tcp://10.0.0.2:5432',
      'MY_DB_PORT_5432_TCP=tcp://10.0.0.2:5432',
      'MY_DB_PORT_5432_TCP_ADDR=10.0.0.2',
      'MY_DB_PORT_5432_TCP_PORT=5432',
      'MY_DB_PORT_5432_TCP_PROTO=tcp',
      'MY_DB_NAME=/web/my-db',
      'MY_DB_ENV_A=1=2',
    ]);
    const ranged = variablesOf({ ...facts, env: [], ports: ['82/tcp', '80/tcp', '81/tcp', '53/udp'] });
    assert.equal(ranged[0], 'MY_DB_PORT=udp://10.0.0.2:53');
    for (const entry of [
      'MY_DB_PORT_80_TCP_START=tcp://10.0.0.2:80',
      'MY_DB_PORT_80_TCP_END=tcp://10.0.0.2:82',
      'MY_DB_PORT_80_TCP_PORT_END=82',
    ])
      assert.ok(ranged.includes(entry), entry);
    assert.deepEqual(variablesOf({ ...facts, env: [], ports: [] }), ['MY_DB_NAME=/web/my-db']);
  });
});

describe('linked containers', { skip: whyNoEngine(), timeout: 120_000 }, () => {
  let host: TestEngine;
  before(async () => void (host = await openTestEngine()));
  after(async () => {
    await host[Symbol.asyncDispose]();
    await assertNothingLeft(host.traces);
  });
  const run = (name: string, request: Partial<CreateRequest> = {}) => host.run(['sleep', '1000'], { name, network: 'bridge', ...request });
  const hostsOf = (ref: string): string => readFileSync(host.engine.containers.inspect(ref).hostsPath, 'utf8');
  test('lose a link by its name, and it alone', async () => {
    const db = await run('db');
    await run('web', { links: ['db:data', 'db:other'] });
    await assert.rejects(host.engine.containers.removeLink('db'), { kind: 'conflict', message: /default link name/ });
    await assert.rejects(host.engine.containers.removeLink('web/nothing'), { kind: 'not-found' });
    await host.engine.containers.removeLink('/web/data');
    assert.deepEqual(host.engine.containers.inspect('web').links, ['/db:/web/other']);
    assert.doesNotMatch(hostsOf('web'), /\bdata\b/);
    assert.match(hostsOf('web'), /\tother /);
    await host.engine.containers.removeLink('web/other');
    await host.reopen();
    assert.deepEqual(host.engine.containers.inspect('web').links, []);
    assert.equal(host.engine.containers.inspect(db).status, 'running');
    for (const name of ['web', 'db']) await host.engine.containers.remove(name, { force: true });
  });

  const addressOf = (ref: string, network = 'bridge') =>
    host.engine.containers.inspect(ref).endpoints.find((place) => place.network === network)?.address;

  test('in the default network know each other by hosts and environment, also after a restart of the one and the engine', async () => {
    await run('db', { env: ['SECRET=1'], exposedPorts: ['5432/tcp'], hostname: 'dbhost' });
    const web = await host.run(['sh', '-c', 'echo $(env | grep ^DATA_ | sort); sleep 1000'], {
      name: 'web',
      network: 'bridge',
      links: ['db:data'],
    });
    assert.match(await host.firstOutput(web), /DATA_ENV_SECRET=1 DATA_NAME=\/web\/data DATA_PORT=tcp:/);
    assert.ok(hostsOf('web').includes(`${addressOf('db')}\tdata dbhost db\n`));
    assert.deepEqual(host.engine.containers.inspect('web').links, ['/db:/web/data']);
    assert.equal(host.engine.containers.inspect('web/data').name, 'db');
    assert.deepEqual(host.engine.containers.inspect('db').linkNames, ['/web/data']);
    await host.engine.containers.restart('db', { timeoutS: 0 });
    await host.reopen();
    assert.ok(hostsOf('web').includes(`${addressOf('db')}\tdata dbhost db\n`));
    await host.engine.containers.rename('db', 'base');
    await until(() => hostsOf('web').includes(`\tdata dbhost base\n`));
    assert.deepEqual(host.engine.containers.inspect('web').links, ['/base:/web/data']);
    await host.engine.containers.remove('base', { force: true });
    await until(() => !hostsOf('web').includes('data'));
    assert.deepEqual(host.engine.containers.inspect('web').links, []);
    await host.engine.containers.remove('web', { force: true });
  });

  test('in the default network need each other running', async () => {
    const db = await host.create(['true'], { name: 'db', network: 'bridge' });
    const web = await host.create(['true'], { name: 'web', network: 'bridge', links: ['db'] });
    await assert.rejects(host.engine.containers.start(web), {
      kind: 'conflict',
      message: 'Cannot link to a non running container: /db AS /web/db',
    });
    for (const id of [web, db]) await host.engine.containers.remove(id, {});
  });

  test('in a network of users are found by a name that only one has for the other', async () => {
    await host.engine.networks.create({ name: 'mine' });
    await run('web', { network: 'mine', endpoints: { mine: { links: ['db:data'] } } });
    assert.ok(!hostsOf('web').includes('data'));
    await run('db', { network: 'mine' });
    await until(() => hostsOf('web').includes(`${addressOf('db', 'mine')}\tdata\n`));
    for (const id of ['web', 'db']) await host.engine.containers.remove(id, { force: true });
    await host.engine.networks.remove('mine');
  });
});
