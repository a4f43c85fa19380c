import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ServiceConfig } from '../model/service.ts';
import { projectOf } from '../testing/project.ts';
import { provideServices, releaseServices, type CallProvider } from './providers.ts';

const provided: ServiceConfig = { provider: { type: 'cloud' } };
const on = (...names: string[]): NonNullable<ServiceConfig['depends_on']> =>
  Object.fromEntries(names.map((name) => [name, { condition: 'service_started', required: true }]));

describe('services that others provide', () => {
  const calls: string[] = [];
  const call: CallProvider = async (name, _service, command) => {
    calls.push(`${command} ${name}`);
    return { variables: { URL: `cloud/${name}` }, rawVariables: { TOKEN: 'x' } };
  };

  test('give their variables to the services that depend on them, and are no containers', async () => {
    const project = projectOf({
      first: provided,
      second: { ...provided, depends_on: on('first') },
      app: { image: 'x', environment: { A: 'b' }, depends_on: on('second') },
      other: { image: 'y' },
    });
    const { services, disabled } = await provideServices(project, call);
    assert.deepEqual(services['app']?.environment, { A: 'b', SECOND_URL: 'cloud/second', TOKEN: 'x' });
    assert.equal(services['other']?.environment, undefined);
    assert.deepEqual(
      [Object.keys(services), Object.keys(disabled)],
      [
        ['app', 'other'],
        ['first', 'second'],
      ],
    );
    await releaseServices(project, call, 'down');
    assert.deepEqual(calls, ['up first', 'up second', 'down second', 'down first']);
  });

  test('cannot depend on services of containers', async () => {
    const project = projectOf({ cloud: { ...provided, depends_on: on('app') }, app: { image: 'x' } });
    await assert.rejects(provideServices(project, call), { kind: 'unimplemented', message: /services\.cloud\.depends_on/ });
  });
});
