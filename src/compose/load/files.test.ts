import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeOf } from './files.ts';

test('a Compose file is one here, absolute or of the directory', () => {
  assert.equal(placeOf('sub/compose.yaml', '/p'), '/p/sub/compose.yaml');
  assert.equal(placeOf('/q/x.git', '/p'), '/q/x.git');
});

for (const path of ['https://example.com/a.git', 'oci://registry/a:b', 'git@example.com:a/b.git', 'ssh://x/y', 'git+ssh://x/y'])
  test(`${path} is refused by name`, () =>
    assert.throws(() => placeOf(path, '/p'), {
      kind: 'unimplemented',
      code: 'COMPOSE_REMOTE',
      message: new RegExp(`^${path.replace('+', '\\+')}: `),
    }));
