import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadLab, writeLabRecipes } from './debian-lab.ts';
import { eventually, startEngine, whyNot } from './harness.ts';
import { startBench, verifyBench } from './pgbench.ts';

// The image is made of Debian's packages the first time, which takes minutes.
const options = { skip: whyNot(), timeout: 900_000 };

test(
  'a database that is written to is in a snapshot, a copy and a backup with every row that was committed, and recovers',
  options,
  async (t) => {
    const templates = mkdtempSync(join(tmpdir(), 'orlop-templates-'));
    t.after(() => rmSync(templates, { recursive: true }));
    writeLabRecipes(templates);
    await using engine = await startEngine(['--templates', templates]);
    const lab = await loadLab(engine, 'bookworm', 'systemd');
    if ('why' in lab) return t.skip(lab.why);
    await engine.must('launch', lab.image, 'db');
    const bench = await startBench(engine, 'db');

    const moments: { readonly name: string; readonly seen: readonly number[] }[] = [];
    for (const name of ['early', 'late']) {
      const seen = await bench.seen();
      await engine.must('snapshot', 'db', name);
      moments.push({ name, seen });
      // It goes on: none of its connections was lost.
      await eventually(
        async () => JSON.stringify(await bench.seen()),
        (answer) => (JSON.parse(answer) as number[]).every((count, client) => count > (seen[client] ?? 0)),
      );
    }
    const beforeCopy = await bench.seen();
    await engine.must('copy', 'db', 'twin', '--start');
    const beforeBackup = await bench.seen();
    await engine.must('backup', 'create', 'db', '-o', join(engine.root, 'db.tar'));
    assert.doesNotMatch(await engine.must('exec', 'db', 'cat', '/var/lib/postgresql/pgbench.out'), /aborted|terminated|error/i);

    const recovered = await verifyBench(engine, 'twin', beforeCopy);
    assert.match(
      await engine.must('exec', 'twin', 'sh', '-c', 'cat /var/log/postgresql/*.log'),
      /database system was interrupted.*redo done/s,
      'as after a power cut',
    );
    await engine.must('rm', '-f', 'twin');
    const counts: number[] = [];
    for (const { name, seen } of moments) {
      await engine.must('restore', '--restart', 'db', name);
      counts.push(await verifyBench(engine, 'db', seen));
    }
    assert.ok((counts[0] ?? 0) < (counts[1] ?? 0) && (counts[1] ?? 0) < recovered, `${counts.join(', ')}, ${recovered}`);
    await engine.must('rm', '-f', 'db');
    await engine.must('backup', 'restore', join(engine.root, 'db.tar'));
    await engine.must('start', 'db');
    await verifyBench(engine, 'db', beforeBackup);
    t.diagnostic(`rows: ${counts.join(' and ')} in snapshots, ${recovered} in the copy`);
  },
);
