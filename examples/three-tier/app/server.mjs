// A page that tells who answered and how many visits the database has counted.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';

const { PORT = '3000', NAME = hostname(), DATABASE = 'localhost', PASSWORD_FILE = '/run/secrets/password' } = process.env;

// Debian's package lies where only require looks.
const { Pool } = createRequire(import.meta.url)('pg');
const database = new Pool({
  host: DATABASE,
  user: 'app',
  database: 'app',
  password: readFileSync(PASSWORD_FILE, 'utf8').trim(),
  max: 8,
  connectionTimeoutMillis: 2_000,
});
// A connection that breaks while nobody uses it; the next one is made when it is needed.
database.on('error', (error) => console.error(`database: ${error.message}`));

const pages = {
  '/': async () => {
    const { rows } = await database.query('INSERT INTO visits DEFAULT VALUES RETURNING id');
    return { type: 'text/html; charset=utf-8', text: page(NAME, rows[0].id) };
  },
  '/visits': async () => {
    const { rows } = await database.query('SELECT count(*) AS visits FROM visits');
    return { type: 'application/json', text: JSON.stringify({ server: NAME, visits: Number(rows[0].visits) }) };
  },
  '/healthy': async () => {
    await database.query('SELECT 1 FROM visits LIMIT 1');
    return { type: 'text/plain', text: 'yes\n' };
  },
};

const page = (server, visit) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Three tiers</title>
<style>body { font: 1.2rem/1.5 system-ui; max-width: 30rem; margin: 20vh auto } b { font-variant-numeric: tabular-nums }</style>
<h1>Visit number <b>${visit}</b></h1>
<p>Answered by <b>${server}</b>. Load the page again: another server answers, and the database counts on.</p>
</html>
`;

async function answer(request, response) {
  const show = pages[new URL(request.url, 'http://host').pathname];
  if (show === undefined) return response.writeHead(404).end('no such page\n');
  try {
    const { type, text } = await show();
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(text);
  } catch (error) {
    console.error(`${request.url}: ${error.message}`);
    response.writeHead(503, { 'retry-after': '1' }).end('the database does not answer\n');
  }
}

/** Three servers may come at once, and only one makes the table: the lock is held to the end of the transaction. */
async function prepare() {
  const client = await database.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock(1)');
    await client.query('CREATE TABLE IF NOT EXISTS visits (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())');
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

await prepare();
const server = createServer(answer).listen(Number(PORT));
// Takes nobody new, finishes what it has begun, and goes.
process.once('SIGTERM', () => server.close(() => database.end().then(() => process.exit(0))));
