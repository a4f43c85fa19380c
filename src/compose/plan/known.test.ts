import assert from 'node:assert/strict';
import { test } from 'node:test';
import { projectOf } from '../testing/project.ts';
import { projectOfLabels } from './known.ts';
import { containerLabels, labels } from './labels.ts';

test('labels tell what a project has and what depends on what, of this project alone', () => {
  const depends_on = { db: { condition: 'service_healthy', restart: true, required: true } } as const;
  const project = projectOf({ web: { depends_on }, db: {} });
  const place = { number: 1, hash: 'h', imageId: 'i' };
  const found = projectOfLabels('p', {
    containers: [
      containerLabels(project, { depends_on }, { ...place, service: 'web' }),
      containerLabels(project, {}, { ...place, service: 'db' }),
      { ...containerLabels(project, {}, { ...place, service: 'other' }), [labels.project]: 'q' },
    ],
    networks: { p_default: { [labels.project]: 'p', [labels.network]: 'default' }, bridge: {} },
    volumes: { data: { [labels.project]: 'p', [labels.volume]: 'data' } },
  });
  assert.deepEqual(found.services, { web: { depends_on }, db: { depends_on: {} } });
  assert.deepEqual(found.networks, { default: { name: 'p_default' } });
  assert.deepEqual(found.volumes, { data: { name: 'data' } });
  assert.equal(found.directory, '/p');
});

test('who depends on a service that is gone depends on nothing', () => {
  const container = { [labels.project]: 'p', [labels.service]: 'web', [labels.dependsOn]: 'db:service_started:false' };
  assert.deepEqual(projectOfLabels('p', { containers: [container], networks: {}, volumes: {} }).services, { web: { depends_on: {} } });
});
