import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { LinuxCapabilities, Process } from '#oci';
import { runCommand, type Outcome } from '../system/harness.ts';
import { openBundles, type Bundles } from './bundles.ts';
import { whyNoEngine } from './engine-home.ts';

const sets = (names: readonly string[], rest: LinuxCapabilities = {}): LinuxCapabilities => ({
  bounding: names,
  effective: names,
  permitted: names,
  ...rest,
});
const chown = 'CAP_CHOWN';
const kill = 'CAP_KILL';
const status = 'grep -E "^(Uid|Gid|Groups|Cap...|NoNewPrivs):" /proc/self/status | tr -s "\\t " " "';

describe('exec gives a process what was asked for and no more', { skip: whyNoEngine({}) }, () => {
  let bundles: Bundles;
  let id: string;
  let count = 0;
  before(async () => {
    bundles = openBundles();
    const made = bundles.write({ args: ['sleep', '1000'], capabilities: sets([chown, kill], { inheritable: [chown], ambient: [chown] }) });
    id = made.id;
    assert.equal(await bundles.detached('run', '--detach', '--bundle', made.directory, id), 0);
  });
  after(async () => {
    await bundles.call('delete', '--force', id);
    await bundles[Symbol.asyncDispose]();
  });
  const exec = (process: Partial<Process>): Promise<Outcome> => {
    count += 1;
    const file = bundles.home.write(
      `process-${count}.json`,
      JSON.stringify({ cwd: '/', env: ['PATH=/bin'], args: ['sh', '-c', status], ...process }),
    );
    return bundles.call('exec', '--process', file, id);
  };
  const lines = async (process: Partial<Process>): Promise<Record<string, string>> => {
    const { code, stdout, stderr } = await exec(process);
    assert.equal(code, 0, stderr);
    return Object.fromEntries(
      stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => line.trim().split(': ') as [string, string]),
    );
  };

  test('capabilities: those of the process file, and nothing inheritable by --cap (CVE-2022-29162)', async () => {
    const found = await lines({ capabilities: sets([kill]) });
    assert.deepEqual(
      [found['CapPrm'], found['CapEff'], found['CapBnd']],
      Array.from({ length: 3 }, () => '0000000000000020'),
    );
    assert.deepEqual([found['CapInh'], found['CapAmb']], ['0000000000000000', '0000000000000000']);
    const none = await lines({});
    assert.deepEqual(
      [none['CapEff'], none['CapBnd'], none['CapAmb']],
      Array.from({ length: 3 }, () => '0000000000000000'),
    );
    const { stdout } = await bundles.call('exec', '--cap', 'CAP_NET_RAW', id, 'sh', '-c', status);
    assert.match(stdout, /CapEff: 0000000000002021/);
    assert.doesNotMatch(stdout, /Cap(Inh|Amb): 0*2/);
  });

  test('a user of its own has its groups, and neither the capabilities nor the groups of root', async () => {
    const found = await lines({ user: { uid: 77, gid: 78, additionalGids: [79, 80] }, capabilities: sets([chown, kill]) });
    assert.deepEqual([found['Uid'], found['Gid'], found['Groups']], ['77 77 77 77', '78 78 78 78', '79 80']);
    assert.deepEqual([found['CapEff'], found['CapPrm'], found['CapBnd']], ['0000000000000000', '0000000000000000', '0000000000000021']);
    const ambient = await lines({ user: { uid: 77, gid: 78 }, capabilities: sets([kill], { inheritable: [kill], ambient: [kill] }) });
    assert.deepEqual([ambient['CapEff'], ambient['CapAmb'], ambient['Groups'] ?? ''], ['0000000000000020', '0000000000000020', '']);
    const flags = await bundles.call('exec', '--user', '7:8', '--additional-gids', '9', '--additional-gids', '10', id, 'sh', '-c', status);
    assert.match(flags.stdout, /Uid: 7 7 7 7\nGid: 8 8 8 8\nGroups: 9 10/);
  });

  test('no_new_privs, umask and limits', async () => {
    assert.equal((await lines({}))['NoNewPrivs'], '0');
    assert.equal((await lines({ noNewPrivileges: true }))['NoNewPrivs'], '1');
    assert.match((await bundles.call('exec', '--no-new-privs', id, 'sh', '-c', status)).stdout, /NoNewPrivs: 1/);
    const limited = { args: ['sh', '-c', 'umask; ulimit -n; ulimit -Hn'], user: { uid: 0, gid: 0, umask: 0o27 } };
    assert.equal((await exec({ ...limited, rlimits: [{ type: 'RLIMIT_NOFILE', soft: 50, hard: 60 }] })).stdout, '0027\n50\n60\n');
  });

  test('labels that this kernel cannot give are refused by name', async () => {
    if (!existsSync('/sys/kernel/security/apparmor')) {
      assert.match((await exec({ apparmorProfile: 'strict' })).stderr, /apparmor/i);
      assert.notEqual((await bundles.call('exec', '--apparmor', 'strict', id, 'true')).code, 0);
    }
    if (!existsSync('/sys/fs/selinux')) assert.match((await exec({ selinuxLabel: 'a:b:c:d' })).stderr, /selinux/i);
  });

  test('working directories are absolute, exist, and lead to no descriptor of ours (CVE-2024-21626)', async () => {
    for (const [cwd, message] of [
      ['tmp', /absolute/],
      ['/nowhere', /nowhere.*no such file or directory|no such file or directory.*nowhere/],
      ['/proc/self/fd/3', /\/proc\/self\/fd\/3/],
      ['/proc/self/fd/7/..', /\/proc\/self\/fd/],
    ] as const) {
      const outcome = await exec({ cwd });
      assert.notEqual(outcome.code, 0, cwd);
      assert.match(outcome.stderr, message);
    }
  });

  test('descriptors: those preserved and no other, counted for socket activation', async () => {
    const file = bundles.home.write('third', 'third\n');
    const through = (script: string, ...words: string[]): Promise<Outcome> =>
      runCommand('sh', ['-c', `exec 3<${file} 4<${file}; ${script}exec "$@"`, 'sh', ...words]);
    const listing = ['sh', '-c', 'for n in 3 4 5 6 7 8 9; do test ! -e /proc/$$/fd/$n || echo $n; done; cat <&3; echo $LISTEN_FDS'];
    const preserved = await through('', ...bundles.words('exec', '--preserve-fds', '2', id, ...listing));
    assert.match(preserved.stdout, /^3\n4\nthird\n\n$/);
    const activated = await through('export LISTEN_FDS=2 LISTEN_PID=$$; ', ...bundles.words('exec', id, ...listing));
    assert.match(activated.stdout, /^3\n4\nthird\n2\n$/);
    const none = await through(
      '',
      ...bundles.words('exec', id, 'sh', '-c', 'test ! -e /proc/$$/fd/3 && test ! -e /proc/$$/fd/4 && echo none'),
    );
    assert.equal(none.stdout, 'none\n');
  });

  test('a pid file names the process on the host, and a detached exec goes on', async () => {
    const pidFile = join(bundles.home.directory, 'exec.pid');
    assert.equal(await bundles.detached('exec', '--detach', '--pid-file', pidFile, id, 'sleep', '1000'), 0);
    const { stdout } = await bundles.call('ps', '--format', 'json', id);
    const { stdout: text } = await runCommand('cat', [pidFile]);
    assert.ok((JSON.parse(stdout) as number[]).includes(Number(text)));
  });
});
