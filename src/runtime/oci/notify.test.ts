import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { loadAddon, readProcessStat } from '#sys';
import { openTestBundles, shell } from '../testing/bundles.ts';
import { reasonToSkip } from '../testing/root.ts';
import { openNotifyRelay } from './notify.ts';

const skip = reasonToSkip();

describe('readiness of containers', { skip }, () => {
  const bundles = skip === false ? openTestBundles(`orlop-notify-${process.pid}`) : (null as never);

  after(async () => {
    assert.deepEqual(await bundles.close(), []);
  });

  test('a container finds its socket, and one that ends without a word holds nobody up', () => {
    const addon = loadAddon();
    const place = mkdtempSync(join(bundles.home.directory, 'manager-'));
    const manager = addon.bindDatagram(join(place, 'socket'));
    const environment = { NOTIFY_SOCKET: join(place, 'socket') };
    const { id, directory } = bundles.make({
      process: shell('echo $NOTIFY_SOCKET >/tmp/told; test -d /run/notify && echo there >>/tmp/told'),
    });
    assert.equal(bundles.call(['create', '--bundle', directory, id], { environment, detached: true }).code, 0);
    const started = bundles.call(['start', id], { environment });
    assert.deepEqual([started.code, started.err], [0, '']);
    assert.equal(readFileSync(join(bundles.home.root, 'tmp/told'), 'utf8'), '/run/notify/notify.sock\nthere\n');
    assert.throws(() => addon.receiveDescriptors(manager, 100, 0, 0), /ETIMEDOUT/);
    assert.equal(bundles.call(['delete', id]).code, 0);
    addon.close(manager);
  });

  test('the word is handed on with the process id', async (t) => {
    const addon = loadAddon();
    const place = mkdtempSync(join(bundles.home.directory, 'manager-'));
    const manager = addon.bindDatagram(join(place, 'socket'));
    const before = process.env['NOTIFY_SOCKET'];
    process.env['NOTIFY_SOCKET'] = join(place, 'socket');
    t.after(() => {
      if (before === undefined) delete process.env['NOTIFY_SOCKET'];
      else process.env['NOTIFY_SOCKET'] = before;
    });
    mkdirSync(join(place, 'notify'));
    using relay = openNotifyRelay(addon, place);
    const container = addon.connectDatagram(join(place, 'notify/notify.sock'));
    addon.sendDescriptors(container, Buffer.from('STATUS=nearly'), []);
    addon.sendDescriptors(container, Buffer.from('READY=1\nSTATUS=here'), []);
    await relay?.waitUntilReady({ pid: process.pid, startTicks: readProcessStat(process.pid).startTicks });
    assert.equal(addon.receiveDescriptors(manager, 100, 0, 0).data.toString(), `READY=1\nMAINPID=${process.pid}`);
    for (const socket of [manager, container]) addon.close(socket);
  });
});
