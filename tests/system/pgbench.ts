import assert from 'node:assert/strict';
import { eventually, type TestEngine } from './harness.ts';

const clients = 4;

/** A machine's PostgreSQL under pgbench, each of whose clients writes one numbered row a transaction. */
export interface Bench {
  /** How many rows of each client somebody else has seen committed, by now. */
  seen(): Promise<readonly number[]>;
}

const postgres = (engine: TestEngine, name: string, ...words: readonly string[]): Promise<string> =>
  engine.must('exec', '-u', 'postgres', '-w', '/var/lib/postgresql', name, ...words);

/** One row a line, fields between bars. */
export const sql = (engine: TestEngine, name: string, query: string): Promise<string> => postgres(engine, name, 'psql', '-XAtqc', query);

/** Until the server of a machine that has just been started answers. */
export async function databaseIsUp(engine: TestEngine, name: string): Promise<void> {
  await eventually(
    async () => (await engine.orlop('exec', '-u', 'postgres', name, 'psql', '-XAtqc', 'SELECT 1')).stdout,
    (answer) => answer === '1\n',
  );
}

/** Begins to write, and goes on until the machine ends. pgbench(1) writes a line to a log for each transaction that the server has told it was committed. */
export async function startBench(engine: TestEngine, name: string): Promise<Bench> {
  await databaseIsUp(engine, name);
  await sql(engine, name, 'CREATE TABLE journal (client int, number int, text text, PRIMARY KEY (client, number))');
  const script = ['\\set number :number + 1', "INSERT INTO journal VALUES (:client_id, :number, repeat('x', 100));", ''].join('\n');
  await postgres(engine, name, 'sh', '-c', `printf '%s' "$1" > bench.sql`, 'sh', script);
  const command = `exec pgbench -n -c ${clients} -j 2 -T 3000 -D number=0 -f bench.sql -l --log-prefix=reported > pgbench.out 2>&1`;
  await engine.must('exec', '-d', '-u', 'postgres', '-w', '/var/lib/postgresql', name, 'sh', '-c', command);
  const seen = async (): Promise<number[]> => {
    const rows = await sql(engine, name, 'SELECT client, count(*) FROM journal GROUP BY client ORDER BY client');
    return rows.split('\n').map((row) => Number(row.split('|')[1] ?? 0));
  };
  await eventually(
    async () => JSON.stringify(await seen()),
    (answer) => (JSON.parse(answer) as number[]).length === clients && (JSON.parse(answer) as number[]).every((count) => count >= 20),
  );
  return { seen };
}

/**
 * That the machine's database is sound, and has of each client's rows all that had been seen, and all that pgbench's log in the same root says were committed, without a gap. Answers how many rows there are.
 */
export async function verifyBench(engine: TestEngine, name: string, seen: readonly number[]): Promise<number> {
  await databaseIsUp(engine, name);
  const rows = (await sql(engine, name, 'SELECT client, count(*), min(number), max(number) FROM journal GROUP BY client ORDER BY client'))
    .split('\n')
    .map((row) => row.split('|').map(Number));
  assert.equal(rows.length, clients);
  // By pgbench(1), each line begins with the number of the client.
  const log = await postgres(engine, name, 'sh', '-c', 'cat reported.*');
  const reported = Array.from({ length: clients }, (_, client) => log.split('\n').filter((line) => line.startsWith(`${client} `)).length);
  for (const [client = 0, count = 0, first, last] of rows) {
    assert.deepEqual([first, last], [1, count], `client ${client} has a gap`);
    assert.ok(count >= (seen[client] ?? 0), `client ${client}: ${count} rows, ${seen[client]} were seen`);
    assert.ok(count >= (reported[client] ?? 0), `client ${client}: ${count} rows, ${reported[client]} were reported`);
  }
  // Every page of it can be read, and the index leads to each row.
  await sql(engine, name, 'CREATE EXTENSION IF NOT EXISTS amcheck');
  await sql(engine, name, "SELECT bt_index_check('journal_pkey', true)");
  await sql(engine, name, 'SELECT sum(length(text)) FROM journal');
  return rows.reduce((sum, [, count = 0]) => sum + count, 0);
}
