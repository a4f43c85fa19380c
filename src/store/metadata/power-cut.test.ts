import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { mountLoopDisk, onFileSystem } from '../testing/loop-disk.ts';
import { createSettings } from './settings.ts';
import { openDatabase } from './database.ts';

/** What the database on this disk would hold had the power gone at this moment: the device has only what was written through to it. */
function afterPowerCut(disk: string, name: string): string[] {
  const [image, mounted] = [join(dirname(disk), `image-${name}`), join(dirname(disk), `disk-${name}`)];
  copyFileSync(join(dirname(disk), 'image'), image);
  mkdirSync(mounted);
  execFileSync('mount', ['-o', 'loop', image, mounted]);
  try {
    using db = openDatabase(join(mounted, 'orlop.db'));
    return db
      .prepare('SELECT key FROM settings')
      .all()
      .map((row) => String(row['key']));
  } finally {
    execFileSync('umount', ['-l', mounted]);
  }
}

/** Long enough for the log to be moved into the database in between, if the disk is quick. */
test('a power cut takes nothing that was waited for, and leaves a whole database', onFileSystem('ext4'), async (t) => {
  const disk = mountLoopDisk(t, 'ext4');
  using db = openDatabase(join(disk, 'orlop.db'));
  const settings = createSettings(db);
  for (let round = 0; round < 5; round += 1) {
    db.transaction(() => {
      for (let at = 0; at < 200; at += 1) settings.set(`${round}-${at}`, 'x'.repeat(5000));
    });
    settings.set(`${round}-single`, 'y');
    await db.flushed();
    db.transaction(() => {
      settings.set(`lost-${round}-a`, '');
      settings.set(`lost-${round}-b`, '');
    });
    // The flush of that has not even begun.
    const left = afterPowerCut(disk, String(round));
    const waitedFor = left.filter((key) => !key.startsWith('lost') && key.startsWith(`${round}-`));
    assert.equal(waitedFor.length, 201, `round ${round}`);
    assert.ok([0, 2].includes(left.filter((key) => key.startsWith(`lost-${round}`)).length), 'a transaction is whole or not there');
  }
});
