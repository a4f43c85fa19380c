import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatDuration, parseSpan } from '../shape/index.ts';
import { parseMount } from './mounts.ts';
import { parsePorts } from './ports.ts';
import { splitWords } from './words.ts';

const port = { mode: 'ingress', protocol: 'tcp' };

describe('ports in short', () => {
  for (const [text, wanted] of [
    ['80', [{ ...port, target: 80 }]],
    ['8080:80', [{ ...port, published: '8080', target: 80 }]],
    ['127.0.0.1::80/udp', [{ ...port, host_ip: '127.0.0.1', target: 80, protocol: 'udp' }]],
    ['[::1]:1:2', [{ ...port, host_ip: '::1', published: '1', target: 2 }]],
    ['8000-9000:80', [{ ...port, published: '8000-9000', target: 80 }]],
    [
      '1-2:3-4',
      [
        { ...port, published: '1', target: 3 },
        { ...port, published: '2', target: 4 },
      ],
    ],
  ] as const)
    test(`${text} is understood`, () => assert.deepEqual(parsePorts(text), wanted));

  for (const text of ['', 'x', 'x:80', '80:x', '1:2:3:4', '1-3:4-5', '80/icmp', '70000', '5-1', 'host:1:2', '80:80:80'])
    test(`${JSON.stringify(text)} is refused`, () => assert.throws(() => parsePorts(text)));
});

describe('mounts in short', () => {
  for (const [text, wanted] of [
    ['/anon', { type: 'volume', target: '/anon', volume: {} }],
    ['name:/v:ro', { type: 'volume', source: 'name', target: '/v', read_only: true, volume: {} }],
    [
      './a:/b:z,rshared',
      { type: 'bind', source: './a', target: '/b', bind: { selinux: 'z', propagation: 'rshared', create_host_path: true } },
    ],
    ['v:/v:nocopy', { type: 'volume', source: 'v', target: '/v', volume: { nocopy: true } }],
  ] as const)
    test(`${text} is understood`, () => assert.deepEqual(parseMount(text), wanted));

  for (const text of ['', ':', 'a:', ':/b', 'a:/b:ro:x'])
    test(`${JSON.stringify(text)} is refused`, () => assert.throws(() => parseMount(text)));
});

describe('words of a command', () => {
  for (const [text, wanted] of [
    ['', []],
    ['a  b', ['a', 'b']],
    [`a 'b c' "d \\"e" f\\ g ''`, ['a', 'b c', 'd "e', 'f g', '']],
    [`"a\\b"`, ['a\\b']],
  ] as const)
    test(`${JSON.stringify(text)} is split as a shell does`, () => assert.deepEqual(splitWords(text), wanted));

  for (const text of ['"a', "'a", 'a\\']) test(`${JSON.stringify(text)} is refused`, () => assert.throws(() => splitWords(text)));
});

describe('times', () => {
  for (const [text, ns, shown] of [
    ['1m30s', 90e9, '1m30s'],
    ['90s', 90e9, '1m30s'],
    ['1h', 3600e9, '1h0m0s'],
    ['1.5s', 1.5e9, '1.5s'],
    ['250ms', 250e6, '250ms'],
    ['10us', 10e3, '10µs'],
    ['1d', 86_400e9, '24h0m0s'],
    ['0', 0, '0s'],
    ['.5s', 5e8, '500ms'],
  ] as const)
    test(`${text} is read, and shown as Go shows it`, () => {
      assert.equal(parseSpan(text), ns);
      assert.equal(formatDuration(ns), shown);
    });

  for (const text of ['', '5', 's', '1x', '1s ', '-1s']) test(`${JSON.stringify(text)} is none`, () => assert.equal(parseSpan(text), null));
});
