import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger, type LogLevel } from './logger.ts';

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

test('a line of JSON has time, level, message and fields; an error its message and code, and no stack', () => {
  const lines: string[] = [];
  const logger = createLogger({ sink: (line) => lines.push(line), clock: () => new Date(0) }).child({ who: 'me' });
  logger.warn('odd', { error: Object.assign(new Error('no'), { code: 'ENOENT' }), size: 2n });
  logger.debug('not told');
  const record =
    '{"time":"1970-01-01T00:00:00.000Z","level":"warn","message":"odd","who":"me","error":{"message":"no","code":"ENOENT"},"size":"2"}';
  assert.deepEqual(lines, [`${record}\n`]);
});

test('a line for the journal begins with its priority and is one line whatever it says', () => {
  const lines: string[] = [];
  const logger = createLogger({ level: 'debug', format: 'journal', sink: (line) => lines.push(line) });
  for (const level of levels) logger[level]('said\nso');
  logger.child({ a: 1 }).info('with', { b: 'x\ny' });
  assert.deepEqual(lines, ['<7>said so\n', '<6>said so\n', '<4>said so\n', '<3>said so\n', '<6>with {"a":1,"b":"x\\ny"}\n']);
});
