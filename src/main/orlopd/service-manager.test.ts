import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { planEndpoints, takeServiceManager } from './service-manager.ts';

describe('what a service manager arranges', () => {
  test('is taken out of the environment, so that programs that are started do not take it for theirs', () => {
    const env = { PATH: '/bin', LISTEN_PID: '7', LISTEN_FDS: '1', LISTEN_FDNAMES: 'x', NOTIFY_SOCKET: '/n', JOURNAL_STREAM: '1:2' };
    const { sockets, logsToJournal } = takeServiceManager(env, 8);
    assert.deepEqual(env, { PATH: '/bin' });
    assert.deepEqual({ sockets, logsToJournal }, { sockets: [], logsToJournal: false });
  });

  test('sockets that are announced and not there are refused', () => {
    for (const count of ['900', 'x', '-1', '1e1']) {
      assert.throws(
        () => takeServiceManager({ LISTEN_PID: '7', LISTEN_FDS: count }, 7),
        { kind: 'invalid-argument', code: 'ORLOPD_SOCKETS' },
        count,
      );
    }
  });
});

describe('where the engine listens', () => {
  test('fd:// stands for the sockets that were passed', () => {
    assert.deepEqual(planEndpoints(['fd://', 'unix:///a'], [3, 4]), ['fd://3', 'fd://4', 'unix:///a']);
    assert.deepEqual(planEndpoints(['fd://', 'fd://'], [3]), ['fd://3']);
    assert.deepEqual(planEndpoints(['unix:///a'], []), ['unix:///a']);
  });

  test('sockets that were asked for and not passed, or passed and not asked for, are refused', () => {
    assert.throws(() => planEndpoints(['fd://'], []), { kind: 'failed-precondition', hint: /orlop\.socket/ });
    assert.throws(() => planEndpoints(['unix:///a'], [3]), { kind: 'failed-precondition', hint: /-H fd:/ });
  });
});
