import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { runCommand, startEngine, whyNot, type TestEngine } from './harness.ts';

/** nginx of this machine's Debian, taken out of its package without installing it: that would start it. A reason when it cannot be had or does not run here. */
async function unpackNginx(directory: string): Promise<string | null> {
  if (!existsSync('/usr/bin/apt-get') || !existsSync('/usr/bin/dpkg-deb')) return 'needs apt-get and dpkg-deb';
  const download = await runCommand('apt-get', ['-qq', 'download', 'nginx'], { cwd: directory });
  const [file] = readdirSync(directory).filter((name) => name.endsWith('.deb'));
  if (download.code !== 0 || file === undefined) return 'the package nginx cannot be downloaded';
  await runCommand('dpkg-deb', ['-x', file, '.'], { cwd: directory });
  const version = await runCommand(join(directory, 'usr/sbin/nginx'), ['-v']);
  return version.code === 0 ? null : `nginx does not run here: ${version.stderr}`;
}

const site = (body: string): string => `
daemon off; worker_processes 1; pid /tmp/nginx.pid; error_log stderr; user root;
events {}
http { access_log off; client_body_temp_path /tmp/a; proxy_temp_path /tmp/b; fastcgi_temp_path /tmp/c; uwsgi_temp_path /tmp/d; scgi_temp_path /tmp/e; ${body} }
`;

describe('nginx and curl', { skip: whyNot() }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-nginx-'));
  let engine: TestEngine;
  let absent: string | null = null;

  before(async () => {
    engine = await startEngine();
    absent = await unpackNginx(directory);
    if (absent !== null) return;
    await engine.must('template', 'build', 'busybox');
    mkdirSync(join(directory, 'sites'));
    writeFileSync(join(directory, 'sites/back'), site('server { listen 80; listen [::]:80; location / { return 200 "$hostname\\n"; } }'));
    // A variable makes nginx ask for the name again and again: 127.0.0.11 answers with all who have it.
    const proxy = 'resolver 127.0.0.11 valid=1s ipv6=off; set $back back; proxy_pass http://$back; proxy_connect_timeout 1s;';
    writeFileSync(join(directory, 'sites/front'), site(`server { listen 80; listen [::]:80; location / { ${proxy} } }`));
    await engine.must('network', 'create', '--ipv6', 'net');
    for (const name of ['one', 'two', 'three']) await serve(name, 'back', '--network-alias', 'back', '--hostname', name);
    await serve('front', 'front', '-p', '127.0.0.1::80', '-p', '[::1]::80');
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  /** This machine's libraries, nginx and a site, in an otherwise empty system. */
  const serve = (name: string, config: string, ...flags: string[]): Promise<string> =>
    engine.must(
      'run',
      '-d',
      '--name',
      name,
      '--network',
      'net',
      '--read-only',
      '--tmpfs',
      '/tmp',
      ...flags,
      ...['/usr', '/lib', '/lib64'].flatMap((path) => (existsSync(path) ? ['-v', `${path}:${path}:ro`] : [])),
      '-v',
      `${directory}/usr/sbin/nginx:/srv/nginx:ro`,
      '-v',
      `${directory}/sites/${config}:/srv/site:ro`,
      'busybox',
      '/srv/nginx',
      '-e',
      'stderr',
      '-c',
      '/srv/site',
    );
  const portOf = async (address: string): Promise<string> =>
    /:(\d+)$/.exec((await engine.must('port', 'front')).split('\n').find((line) => line.includes(`-> ${address}:`)) ?? '')?.[1] ?? '';
  const curl = async (...words: string[]): Promise<string> =>
    (await runCommand('curl', ['-sS', '--noproxy', '*', '--max-time', '5', ...words])).stdout.trim();
  /** Whoever answered, of so many questions, once nginx is up. */
  const whoAnswers = async (url: string, count: number): Promise<Set<string>> => {
    for (const deadline = Date.now() + 20_000; (await curl(url)) === ''; await delay(100)) assert.ok(Date.now() < deadline, 'no answer');
    const answers = new Set<string>();
    for (let asked = 0; asked < count; asked += 1) answers.add(await curl(url));
    return answers;
  };

  test('a front answers on both families of the host, with what the servers behind one name say', async (context) => {
    if (absent !== null) return context.skip(absent);
    const all = new Set<string>();
    for (const url of [`http://127.0.0.1:${await portOf('127.0.0.1')}/`, `http://[::1]:${await portOf('[::1]')}/`]) {
      for (const name of await whoAnswers(url, 6)) all.add(name);
    }
    for (const name of all) assert.ok(['one', 'two', 'three'].includes(name), name);
    assert.ok(all.size > 1, 'the name has several addresses, and nginx goes round them');
  });

  test('many requests at once over kept connections are all answered', async (context) => {
    if (absent !== null) return context.skip(absent);
    const url = `http://127.0.0.1:${await portOf('127.0.0.1')}/`;
    await whoAnswers(url, 1);
    const outcomes = await curl('--parallel', '--parallel-max', '20', '-o', '/dev/null', '-w', '%{http_code}\\n', `${url}?[1-300]`);
    assert.deepEqual(
      Object.entries(Object.groupBy(outcomes.split('\n'), (code) => code)).map(([code, list]) => [code, list?.length]),
      [['200', 300]],
    );
  });

  test('a server that is gone is no longer among the answers', async (context) => {
    if (absent !== null) return context.skip(absent);
    await engine.must('stop', '-t', '1', 'one', 'two');
    // The front may remember an address for as long as it was told.
    await delay(1_500);
    assert.deepEqual(await whoAnswers(`http://127.0.0.1:${await portOf('127.0.0.1')}/`, 6), new Set(['three']));
  });
});
