import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FileSource, RunMount } from '../model.ts';
import { compileMounts } from './mounts.ts';

const surroundings = {
  workdir: '/w',
  expand: (word: string): string => word.replaceAll('$X', 'value'),
  resolve: (reference: string): FileSource => ({ kind: 'named-context', name: reference }),
};
const mount = (...texts: string[]): RunMount[] => compileMounts(texts, surroundings);

describe('mounts', () => {
  const table: readonly (readonly [text: string, mount: unknown])[] = [
    ['target=/a', { type: 'bind', from: { kind: 'context' }, source: '/', target: '/a', readonly: true }],
    [
      'type=bind,source=../a/./b,dst=c/../d,from=x,rw',
      { type: 'bind', from: { kind: 'named-context', name: 'x' }, source: '/a/b', target: '/w/d', readonly: false },
    ],
    ['Type=Cache,Target=/a/$X/,ID=', { type: 'cache', target: '/a/value', id: '/a/value', sharing: 'shared', readonly: false }],
    [
      'type=cache,target=c,id=i,sharing=LOCKED,ro=true,from=x,src=s,mode=0750,uid=1,gid=2',
      {
        type: 'cache',
        target: '/w/c',
        id: 'i',
        sharing: 'locked',
        readonly: true,
        from: { kind: 'named-context', name: 'x' },
        source: '/s',
        mode: 0o750,
        uid: 1,
        gid: 2,
      },
    ],
    ['type=tmpfs,target=/a', { type: 'tmpfs', target: '/a' }],
    ['type=tmpfs,target=/a,size=1.5k', { type: 'tmpfs', target: '/a', sizeBytes: 1536 }],
    ['type=tmpfs,target=/a,size=2GiB', { type: 'tmpfs', target: '/a', sizeBytes: 2 * 1024 ** 3 }],
    ['type=secret,id=a/b', { type: 'secret', id: 'a/b', target: '/run/secrets/b', required: false, mode: 0o400, uid: 0, gid: 0 }],
    ['type=secret,target=/a/b', { type: 'secret', id: 'b', target: '/a/b', required: false, mode: 0o400, uid: 0, gid: 0 }],
    ['type=secret,id=a,env=$X', { type: 'secret', id: 'a', env: 'value', required: false, mode: 0o400, uid: 0, gid: 0 }],
    [
      'type=secret,source=a,target=t,env=E,required,mode=0444,uid=5,gid=6',
      { type: 'secret', id: 'a', target: '/w/t', env: 'E', required: true, mode: 0o444, uid: 5, gid: 6 },
    ],
    ['type=ssh', { type: 'ssh', id: 'default', target: '/run/buildkit/ssh_agent.0', required: false, mode: 0o600, uid: 0, gid: 0 }],
    ['type=ssh,id=k,target=/s,required=true', { type: 'ssh', id: 'k', target: '/s', required: true, mode: 0o600, uid: 0, gid: 0 }],
    ['type=bind,"source=a,b",target=/c', { type: 'bind', from: { kind: 'context' }, source: '/a,b', target: '/c', readonly: true }],
  ];
  for (const [text, expected] of table) test(text, () => assert.deepEqual(mount(text), [expected]));

  test('of agents get sockets of their own', () => {
    assert.deepEqual(
      mount('type=ssh', 'target=/a', 'type=ssh').map(({ target }) => target),
      ['/run/buildkit/ssh_agent.0', '/a', '/run/buildkit/ssh_agent.1'],
    );
  });

  const refused: readonly (readonly [text: string, message: RegExp])[] = [
    ['type=vfs,target=/a', /unsupported mount type "vfs"/],
    ['type=bnd,target=/a', /\(did you mean bind\?\)/],
    ['type=cache,target=/a,sharing=all', /unsupported sharing value "all"/],
    ['targt=/a', /unexpected key 'targt' in 'targt=\/a' \(did you mean target\?\)/],
    ['foo', /invalid field 'foo' must be a key=value pair/],
    ['required,type=secret,id=a', /unexpected key 'required' for mount type 'bind'/],
    ['type=cache,target=/a,size=1', /unexpected key 'size' for mount type 'cache'/],
    ['type=cache,target=/a,env=E', /unexpected key 'env' for mount type 'cache'/],
    ['type=tmpfs,target=/a,size=big', /invalid value for size: big/],
    ['target=/a,ro=maybe', /invalid value for ro: maybe/],
    ['target=/a,mode=0755', /mode not allowed for "bind" type mounts/],
    ['type=tmpfs,target=/a,uid=1', /uid not allowed for "tmpfs" type mounts/],
    ['type=cache,target=/a,mode=9', /invalid value 9 for mode/],
    ['type=cache,target=/a,uid=4294967296', /invalid value 4294967296 for uid/],
    ['type=secret', /invalid secret mount. one of source, target required/],
    ['type=secret,id=a,source=b', /both source and id can't be set/],
    ['type=secret,id=a,from=b', /secret mount should not have a from/],
    ['type=secret,id=a,sharing=shared', /secret mount should not define sharing/],
    ['type=ssh,source=a', /ssh does not support source/],
    ['target=/a,sharing=shared', /invalid cache sharing set for bind mount/],
    ['target=/', /invalid mount target "\/"/],
    ['target=..', /invalid mount target "\/"/],
    ['target="/a"', /bare " in non-quoted field/],
    ['"target=/a', /extraneous or missing " in quoted field/],
  ];
  for (const [text, message] of refused) {
    test(`refuse ${text}`, () => assert.throws(() => mount(text), { message, kind: 'invalid-argument', code: 'BUILD_BAD_DOCKERFILE' }));
  }
});
