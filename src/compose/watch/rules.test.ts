import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ServiceConfig } from '../model/service.ts';
import { planReaction } from './rules.ts';

const service: ServiceConfig = {
  develop: {
    watch: [
      { path: '/p/src', action: 'sync', target: '/app', ignore: ['*.log', 'node_modules/'] },
      { path: '/p/conf', action: 'sync+restart', target: '/etc/conf', include: ['*.yaml'] },
      { path: '/p/hooks', action: 'sync+exec', target: '/h', exec: { command: ['reload'] } },
      { path: '/p/package.json', action: 'rebuild' },
    ],
  },
};

describe('what changes in files lead to', () => {
  test('is a copy at the same place below the target', () =>
    assert.deepEqual(planReaction(service, ['/p/src/a/b.ts']), {
      copies: [{ from: '/p/src/a/b.ts', to: '/app/a/b.ts' }],
      restarts: false,
      commands: [],
      rebuilds: false,
    }));

  test('is nothing for what is ignored, not included, or outside', () => {
    for (const path of ['/p/src/x.log', '/p/src/node_modules/m/i.js', '/p/src/.git/HEAD', '/p/conf/a.txt', '/p/other', '/p/src2/a'])
      assert.equal(planReaction(service, [path]), null, path);
    assert.equal(planReaction(service, ['/p/src/tmp'], { directory: '/p', ignores: (path) => path === 'src/tmp' }), null);
  });

  test('is a restart, a command or a build where the rule says so', () => {
    assert.equal(planReaction(service, ['/p/conf/a.yaml'])?.restarts, true);
    assert.deepEqual(planReaction(service, ['/p/hooks/x'])?.commands, [{ command: ['reload'] }]);
    assert.equal(planReaction(service, ['/p/package.json'])?.rebuilds, true);
  });
});
