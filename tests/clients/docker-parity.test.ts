import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { startEngine, whyNot, type TestEngine } from '../system/harness.ts';
import { dockerPrograms, openDocker, type EngineDaemon } from './daemons.ts';
import { openEngineHome, whyNoEngine, type EngineHome } from './engine-home.ts';

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** The newest version that dockerd 20.10 speaks. */
const version = '/v1.41';

function ask(socketPath: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const call = request({ socketPath, method, path: `${version}${path}`, headers, timeout: 30_000 }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.on('end', () => resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', text }));
  });
  call.on('error', reject);
  call.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

/** Ids and names that each engine makes up. */
function plain(text: string): string {
  return text.replaceAll(/\b[0-9a-f]{64}\b/g, '<id>').replaceAll(/\b[0-9a-f]{12}\b/g, '<short id>');
}

/** Of which type each field is, by its path; what lists hold counts as one. */
function shapeOf(value: unknown, path = '', shape = new Map<string, string>()): Map<string, string> {
  if (Array.isArray(value)) {
    shape.set(path, 'list');
    for (const item of value) shapeOf(item, `${path}[]`, shape);
  } else if (typeof value === 'object' && value !== null) {
    shape.set(path, 'object');
    for (const [key, item] of Object.entries(value)) shapeOf(item, `${path}.${/^[0-9a-f]{64}$/.test(key) ? '<id>' : key}`, shape);
  } else shape.set(path, value === null ? 'null' : typeof value);
  return shape;
}

type Call = readonly [method: string, path: string, body?: unknown];

/** Answered with the same status and the same words. */
const refusals: readonly Call[] = [
  ['GET', '/nothing'],
  ['GET', '/containers/nothing/json'],
  ['POST', '/containers/nothing/start'],
  ['POST', '/containers/nothing/wait'],
  ['DELETE', '/containers/nothing'],
  ['GET', '/containers/nothing/logs?stdout=1'],
  ['POST', '/containers/nothing/rename?name=other'],
  ['POST', '/containers/box/rename'],
  ['POST', '/containers/create?name=box', { Image: 'busybox:test', Cmd: ['true'] }],
  ['POST', '/containers/create?name=x', { Image: 'busybox:test', Cmd: ['true'] }],
  ['POST', '/containers/create', { Image: 'nothing:1', Cmd: ['true'] }],
  ['POST', '/containers/create', { Image: 'busybox:test', Cmd: ['true'], Env: ['=x'] }],
  ['POST', '/containers/create', { Image: 'busybox:test', Cmd: ['true'], WorkingDir: 'relative' }],
  ['POST', '/containers/create', { Image: 'busybox:test', Cmd: ['true'], HostConfig: { Memory: 1000 } }],
  ['POST', '/containers/create', { Image: 'busybox:test', Cmd: ['true'], HostConfig: { MemorySwap: 8388608 } }],
  ['POST', '/containers/create', { Image: 'busybox:test', Cmd: ['true'], HostConfig: { CpuPeriod: 1 } }],
  ['POST', '/containers/create', { Image: 'busybox:test', Cmd: ['true'], HostConfig: { CpusetCpus: '900' } }],
  ['POST', '/containers/create', { Image: 'busybox:test', Cmd: ['true'], HostConfig: { OomScoreAdj: 1001 } }],
  ['POST', '/containers/create', { Image: 'busybox:test', Cmd: ['true'], HostConfig: { ShmSize: -1 } }],
  ['POST', '/containers/create', { Image: 'busybox:test', Cmd: ['true'], HostConfig: { CapAdd: ['FLY'] } }],
  [
    'POST',
    '/containers/create',
    { Image: 'busybox:test', Cmd: ['true'], HostConfig: { PortBindings: { 'aa80/tcp': [{ HostPort: '9' }] } } },
  ],
  ['POST', '/containers/create', { Image: 'busybox:test', Cmd: ['true'], HostConfig: { ExtraHosts: ['a'] } }],
  ['POST', '/containers/create', { Image: 'busybox:test', Cmd: ['true'], HostConfig: { Mounts: [{ Type: 'bind', Target: '/x' }] } }],
  ['GET', '/images/nothing/history'],
  ['DELETE', '/images/nothing'],
  ['GET', '/volumes/nothing'],
  ['DELETE', '/volumes/nothing'],
  ['POST', '/volumes/create', { Name: 'a b' }],
  ['POST', '/volumes/create', { Name: 'x' }],
  ['POST', '/volumes/create', { Name: 'v2', Driver: 'nothing' }],
  ['GET', '/networks/nothing'],
  ['DELETE', '/networks/host'],
  ['POST', '/networks/create', { Name: 'n2', Driver: 'nothing' }],
  ['POST', '/networks/create', { Name: 'n2', Driver: 'host' }],
  ['GET', '/exec/nothing/json'],
  ['GET', '/swarm'],
  ['GET', '/services'],
  ['POST', '/swarm/leave'],
  ['GET', '/plugins/nothing/json'],
  ['GET', '/images/search?term=x&limit=1000'],
];

/** Answered with at least the fields of Docker's answer, of the same types; but for what is named, each with its reason. */
const answers: readonly (readonly [call: Call, ...but: readonly RegExp[]])[] = [
  [['GET', '/containers/json?all=1']],
  [['GET', '/containers/json?all=1&size=1']],
  [['GET', '/containers/json?filters=%7B%22is-task%22%3A%5B%22true%22%5D%7D']],
  // What Docker shows of its own storage; options that nobody gave are lists here and null there; memory of the kernel is no limit any more.
  // A dockerd without a bridge says of each container that its network is disabled.
  [['GET', '/containers/box/json?size=1'], /^\.GraphDriver/, /^\.HostConfig\./, /NetworkDisabled$/],
  [['GET', '/images/json']],
  // The container that an image was made in is not kept, and storage is shown by its name alone.
  [['GET', '/images/busybox:test/json'], /^\.Container/, /^\.GraphDriver/],
  [['GET', '/images/busybox:test/history']],
  [['GET', '/volumes']],
  [['GET', '/networks/none'], /^\.Created/],
  [['GET', '/plugins']],
  [['GET', '/version'], /^\.Components/],
  [['POST', '/containers/prune?filters=%7B%22label%22%3A%5B%22nothing%22%5D%7D']],
  [['POST', '/networks/prune?filters=%7B%22label%22%3A%5B%22nothing%22%5D%7D']],
];

describe("answers beside dockerd's", { skip: whyNot() || whyNoEngine(dockerPrograms) }, () => {
  let home: EngineHome;
  let docker: EngineDaemon;
  let engine: TestEngine;
  let both: (...call: Call) => Promise<[theirs: Answer, ours: Answer]>;
  before(async () => {
    home = openEngineHome();
    docker = await openDocker(home, { driver: 'cgroupfs', parent: home.cgroupParent });
    engine = await startEngine();
    await engine.must('load', '--input', home.archive);
    const socket = `${home.directory}/docker.sock`;
    both = (...call) => Promise.all([ask(socket, ...call), ask(engine.socket, ...call)]);
    for (const { status, text } of await both('POST', '/containers/create?name=box', {
      Image: 'busybox:test',
      Cmd: ['true'],
      NetworkDisabled: true,
    }))
      assert.equal(status, 201, text);
  });
  after(async () => {
    await engine?.[Symbol.asyncDispose]();
    await docker?.[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
  });

  for (const call of refusals) {
    test(`${call[0]} ${call[1]} ${call[2] === undefined ? '' : JSON.stringify(call[2])}`, async () => {
      const [theirs, ours] = await both(...call);
      const wordsOf = ({ text }: Answer): string => plain((JSON.parse(text) as { message: string }).message).toLowerCase();
      assert.deepEqual([ours.status, wordsOf(ours)], [theirs.status, wordsOf(theirs)]);
      assert.equal(ours.type, theirs.type);
    });
  }

  for (const [call, ...but] of answers) {
    test(`${call[0]} ${call[1]}`, async () => {
      const [theirs, ours] = await both(...call);
      assert.equal(ours.status, theirs.status, ours.text);
      const shape = shapeOf(JSON.parse(ours.text));
      const wanted = [...shapeOf(JSON.parse(theirs.text))].filter(([path]) => !but.some((pattern) => pattern.test(path)));
      // What there is nothing of, Docker calls null in one answer and leaves empty in the next.
      const differs = wanted.filter(
        ([path, type]) => shape.get(path) !== type && type !== 'null' && !(shape.get(path) === 'null' && type === 'list'),
      );
      assert.deepEqual(differs, []);
    });
  }
});
