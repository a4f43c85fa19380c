import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ServiceConfig } from '../model/service.ts';
import { containerOf, projectOf } from '../testing/project.ts';
import { planRestart } from './restart.ts';

const database: ServiceConfig = { image: 'x' };
const on = (condition: 'service_started' | 'service_healthy', restart: boolean): ServiceConfig => ({
  image: 'x',
  depends_on: { database: { condition, restart, required: true } },
});
const project = projectOf({ database, app: on('service_healthy', true), front: on('service_started', false) });
const containers = ['database', 'app', 'front'].map((service) => containerOf(service, 1, { id: service }));
const idsOf = (services: string[], dependents = true): string[] =>
  planRestart(project, { containers }, { services, dependents }).steps.map(({ id }) => id);

describe('the plan of restart', () => {
  test('restarts with a service those that depend on it and say so, once it is as they need it', () => {
    assert.deepEqual(idsOf(['database']), ['restart:database', 'wait:database:healthy', 'restart:app']);
    const { steps } = planRestart(project, { containers }, { services: ['database'], dependents: true });
    assert.deepEqual(
      steps.map(({ after }) => after),
      [[], ['restart:database'], ['wait:database:healthy']],
    );
  });

  test('restarts only what is named when told so, and all when nothing is', () => {
    assert.deepEqual(idsOf(['database'], false), ['restart:database']);
    assert.deepEqual(idsOf(['front']), ['restart:front']);
    assert.deepEqual(
      idsOf([])
        .filter((id) => id.startsWith('restart'))
        .toSorted(),
      ['restart:app', 'restart:database', 'restart:front'],
    );
  });
});
