import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Spec } from '#oci';
import { type BundleWishes, type CallOptions, openTestBundles, type Outcome, shell } from '../testing/bundles.ts';
import { reasonToSkip } from '../testing/root.ts';

const runc = spawnSync('runc', ['--version']).status === 0;
const skip = reasonToSkip() || (runc ? false : 'runc is not installed');

/** What both must agree on, without times, process ids and who speaks. */
function comparable({ code, out, err }: Outcome): Outcome {
  const plain = (text: string): string =>
    text
      .replaceAll(/time="[^"]*" /g, '')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replaceAll(/"pid": ?[1-9]\d*/g, '"pid": PID')
      // runc names the version that it was made for, we the container's.
      .replaceAll(/"ociVersion": ?"[^"]*"/g, '"ociVersion": VERSION')
      .replaceAll(/orlop-runtime: |runc: /g, '')
      // Later ones say so, and leave out the rest.
      .replaceAll('bad sub cgroup path: ', '')
      .replaceAll(/error running (\w+ )?hook #(\d+): (error running hook( #\d+)?: )+/g, 'error running hook #$2: ')
      .replaceAll(String.raw`'\n"`, `'"`);
  // How a verb is used is told in everybody's own words.
  const shown = /^Incorrect Usage[.:][^\n]*/.exec(out)?.[0] ?? out;
  return { code, out: plain(shown), err: plain(err) };
}

describe('beside runc', { skip }, () => {
  const bundles = skip === false ? openTestBundles(`orlop-like-${process.pid}`) : (null as never);

  after(async () => {
    assert.deepEqual(await bundles.close(), []);
  });

  /** The same words to both, except that runc has a bundle with a cgroup of its own. */
  function both(words: readonly string[], options: CallOptions = {}): void {
    const ours = bundles.call(words, options);
    const theirs = bundles.call(
      words.map((word) => twins.get(word) ?? word),
      { ...options, runtime: 'runc' },
    );
    assert.deepEqual(comparable(ours), comparable(withoutTwins(theirs)), words.join(' '));
  }

  const twins = new Map<string, string>();

  function make(wishes: BundleWishes = {}): { id: string; directory: string } {
    const { id, directory } = bundles.make(wishes);
    const twin = `${directory}-runc`;
    const config = readFileSync(join(directory, 'config.json'), 'utf8');
    mkdirSync(twin);
    writeFileSync(join(twin, 'config.json'), config.replace(`/${id}"`, `/${id}-runc"`));
    twins.set(directory, twin).set(join(directory, 'pid'), join(twin, 'pid'));
    return { id, directory };
  }

  function withoutTwins({ code, out, err }: Outcome): Outcome {
    const plain = (text: string): string => text.replaceAll(/(bundle-\w+|orlop-like-\d+-\d+)-runc\b/g, '$1');
    return { code, out: plain(out), err: plain(err) };
  }

  function bothRun(wishes: BundleWishes, verb = 'run'): void {
    const { id, directory } = make(wishes);
    both([verb, '--bundle', directory, id]);
  }

  test('words that make no sense are told in the same way and with the same exit code', () => {
    for (const verb of ['create', 'delete', 'list', 'kill', 'spec']) both([verb, 'a', 'b', 'c']);
    for (const verb of ['exec', 'state']) both([verb]);
    for (const words of [
      ['nope'],
      ['help', 'nope'],
      ['state', '--nope'],
      ['list', '-qf'],
      ['list', '--format'],
      ['delete', '--force=maybe', 'x'],
      ['exec', '--preserve-fds', 'x', 'id', 'true'],
      ['events', '--interval', 'x', 'id'],
      ['list', '--format', 'xml'],
      ['ps', '--format', 'xml', 'nobody'],
    ])
      both(words);
  });

  test('so are containers that are not there, and ids that are none', () => {
    for (const verb of ['start', 'state', 'kill', 'update', 'ps', 'delete', 'checkpoint']) both([verb, 'nobody']);
    for (const id of ['', '..', 'a b', '../x']) both(['state', id]);
    both(['exec', 'nobody', 'true']);
    both(['delete', '--force', 'nobody']);
    both(['delete', 'nobody', '--force']);
    both(['list']);
    both(['list', '-f', 'json']);
  });

  test('bundles that cannot be run', () => {
    both(['run', '--bundle', '/nowhere', 'x']);
    both(['create', '--bundle', '/proc', 'x']);
    const wishes: BundleWishes[] = [
      { process: { args: [] } },
      { process: { cwd: 'here' } },
      { process: { cwd: '' } },
      { process: { env: ['PATH=/bin', 'A'] } },
      { process: { env: ['PATH=/bin', '=a'] } },
      { process: { env: [], args: ['true'] } },
      { process: { rlimits: [{ type: 'RLIMIT_NOPE', hard: 1, soft: 1 }] } },
      { process: { terminal: true } },
      { process: { selinuxLabel: 'x' } },
      { rest: { root: { path: '/nowhere' } } },
      { linux: { namespaces: [{ type: 'pid' }] } },
      { linux: { namespaces: [{ type: 'mount' }, { type: 'pid' }, { type: 'pid' }] } },
      { rest: { hostname: '' }, linux: { namespaces: [{ type: 'mount' }, { type: 'user' }] } },
      { linux: { sysctl: { 'kernel.hostname': 'x' } } },
      { linux: { sysctl: { 'vm.swappiness': '1' } } },
      { linux: { sysctl: { 'net.nope': '1' } } },
      { linux: { rootfsPropagation: 'nope' as never } },
      { linux: { seccomp: { defaultAction: 'NOPE' as never } } },
      { linux: { seccomp: { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['NOPE' as never] } } },
      { linux: { devices: [{ path: '/dev/x', type: 'z' as never, major: 1, minor: 1 }] } },
    ];
    for (const wish of wishes) bothRun(wish, wish.process?.terminal === true ? 'create' : 'run');
  });

  test('programs that cannot be executed', () => {
    const place = join(bundles.home.root, 'bin');
    writeFileSync(join(place, 'no-interpreter'), '#!/nowhere\n', { mode: 0o755 });
    writeFileSync(join(place, 'no-format'), 'text', { mode: 0o755 });
    writeFileSync(join(place, 'no-program'), 'text', { mode: 0o644 });
    for (const program of ['nope', '/nope', './nope', '/bin', '', '/bin/no-program', 'no-program', '/bin/no-interpreter', '/bin/no-format'])
      bothRun({ process: { args: [program] } });
    bothRun({ process: { args: ['nope'] } }, 'create');
  });

  test('what the process gets', () => {
    for (const process of [
      { ...shell('exit 7') },
      { args: ['env'], env: ['PATH=/bin', 'A=1', 'B=', 'A=2'] },
      { args: ['env'], env: ['PATH=/bin', 'HOME=/somewhere'] },
      { ...shell('pwd; ls -ld .'), cwd: '/new/place', user: { uid: 5, gid: 6 } },
      { ...shell('id; umask'), user: { uid: 1, gid: 2, umask: 0o27, additionalGids: [3, 4] } },
      { ...shell('grep -E "^(Cap|NoNew)" /proc/self/status'), user: { uid: 7, gid: 8 } },
      { ...shell('ulimit -n -H; cat /proc/self/oom_score_adj'), oomScoreAdj: 300 },
      { args: ['true'], capabilities: { bounding: ['CAP_NOPE'] } },
    ])
      bothRun({ process });
  });

  test('hooks: order, state, environment, arguments', () => {
    const place = mkdtempSync(join(bundles.home.directory, 'hooks-'));
    const said = join(place, 'said');
    const script = join(place, 'hook.sh');
    writeFileSync(script, `#!/bin/sh\n(echo "$0" "$@"; echo "$X"; cat; echo) >>${said}\n`, { mode: 0o755 });
    const hook = (phase: string) => [{ path: script, args: ['name', phase], env: ['X=y', 'PATH=/bin:/usr/bin'] }];
    const phases = ['prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop'];
    const hooks = Object.fromEntries(phases.map((phase) => [phase, hook(phase)]));
    const { id, directory } = bundles.make({ rest: { hooks, annotations: { a: 'b' } } });
    const told = (runtime?: 'runc') => {
      writeFileSync(said, '');
      assert.equal(bundles.call(['run', '--bundle', directory, id], runtime === undefined ? {} : { runtime }).code, 0);
      const lines = readFileSync(said, 'utf8').split('\n').filter(Boolean);
      return lines.map((line) => (line.startsWith('{') ? withoutPid(JSON.parse(line) as Record<string, unknown>) : line));
    };
    const theirs = told('runc');
    assert.equal(theirs.length, phases.length * 3);
    assert.deepEqual(told(), theirs);
  });

  /** runc names the version that it was made for, and says "running" of what its poststart hooks meet before the program runs. */
  function withoutPid({ ociVersion: _version, pid, ...state }: Record<string, unknown>) {
    return { ...state, status: state['status'] === 'created' ? 'running' : state['status'], started: typeof pid };
  }

  test('hooks that fail', () => {
    const bad = [{ path: '/bin/true' }, { path: '/bin/sh', args: ['sh', '-c', 'echo out; echo err >&2; exit 3'] }];
    bothRun({ rest: { hooks: { prestart: bad } } });
    bothRun({ rest: { hooks: { createRuntime: bad } } }, 'create');
    bothRun({ rest: { hooks: { poststart: bad } } });
    bothRun({ rest: { hooks: { poststop: bad } } });
    bothRun({ rest: { hooks: { prestart: [{ path: '/nowhere' }] } } });
    bothRun({ rest: { hooks: { prestart: [{ path: '/bin/sleep', args: ['sleep', '30'], timeout: 1 }] } } });
  });

  test('the life of a container', () => {
    const { id, directory } = make({ process: { args: ['sleep', '1000'] }, rest: { annotations: { z: 'y', a: 'b' } } });
    const pidFile = join(directory, 'pid');
    const steps: (readonly [readonly string[], CallOptions?])[] = [
      [['create', '--bundle', directory, '--pid-file', pidFile, id], { detached: true }],
      [['create', '--bundle', directory, id], { detached: true }],
      [['state', id]],
      [['exec', id, 'true']],
      [['pause', id]],
      [['state', id]],
      [['start', id]],
      [['resume', id]],
      [['resume', id]],
      [['kill', id, '0']],
      [['kill', id, 'NOPE']],
      [['kill', id, '99']],
      [['start', id]],
      [['start', id]],
      [['state', id]],
      [['list', '-q']],
      [['delete', id]],
      [['run', '--bundle', directory, id]],
      [['exec', id, 'nope']],
      [['exec', id, '/bin']],
      [['exec', id]],
      [['exec', id, 'sh', '-c', 'exit 9']],
      [['exec', id, 'sh', '-c', 'kill -9 $$']],
      [['exec', id, '/bin/no-interpreter']],
      [['exec', '--cwd', 'x', id, 'pwd']],
      [['exec', '--cwd', '/bin/sh', id, 'pwd']],
      [['exec', '--cwd', '/bin', '-e', 'A=1', '-e', 'A=2', '--user', '5:6', '-g', '7', id, 'sh', '-c', 'pwd; env; id']],
      [['exec', '-e', 'A', id, 'true']],
      [['exec', '-u', 'root', id, 'true']],
      [['exec', '-u', '1:root', id, 'true']],
      [['exec', '--cap', 'CAP_SYS_ADMIN', id, 'grep', 'Cap', '/proc/self/status']],
      [['exec', '--cap', 'CAP_NOPE', id, 'grep', 'Cap', '/proc/self/status']],
      [['exec', '--no-new-privs=false', id, 'grep', 'NoNew', '/proc/self/status']],
      [['exec', '--detach', '--tty', id, 'true']],
      [['exec', '--console-socket', '/x', id, 'true']],
      [['exec', '--cgroup', '..', id, 'true']],
      [['exec', '--cgroup', 'nope:/', id, 'true']],
      [['exec', '--process', '/nowhere', id]],
      [['pause', id]],
      [['pause', id]],
      [['exec', id, 'true']],
      [['delete', id]],
      [['resume', id]],
      [['update', '--pids-limit', 'x', id]],
      [['update', '--memory', 'x', id]],
      [['update', '--memory', '512m', '--memory-reservation', '1.5m', '--pids-limit', '20', '--cpu-share', '100', id]],
      [['update', '--cpu-quota', 'x', id]],
      [['update', '--resources', '/nowhere', id]],
      [['update', '--l3-cache-schema', 'x', id]],
      [['update', '--resources', '-', id], { input: '{"pids":{"limit":30}}' }],
      [['events', '--interval', '0s', id]],
      [['delete', '--force', id]],
      [['state', id]],
    ];
    for (const [words, options = {}] of steps) both(words, options);
    assert.match(readFileSync(pidFile, 'utf8'), /^\d+$/);
  });

  test('a container that was kept, and one whose process was killed behind our back', () => {
    const { id, directory } = make();
    for (const words of [
      ['run', '--keep', '--bundle', directory, id],
      ['state', id],
      ['start', id],
      ['exec', id, 'true'],
      ['kill', id],
      ['delete', id],
    ])
      both(words);
    for (const runtime of [undefined, 'runc'] as const) {
      const options = runtime === undefined ? {} : { runtime };
      assert.equal(
        bundles.call(['create', '--bundle', runtime === undefined ? directory : (twins.get(directory) ?? ''), id], {
          ...options,
          detached: true,
        }).code,
        0,
      );
      const { pid } = JSON.parse(bundles.call(['state', id], options).out) as { pid: number };
      process.kill(pid, 'SIGKILL');
      untilEnded(pid);
    }
    for (const words of [
      ['state', id],
      ['start', id],
      ['pause', id],
      ['delete', id],
      ['state', id],
    ])
      both(words);
  });

  /** Ended and perhaps not yet reaped by whoever is its parent by now. */
  function untilEnded(pid: number): void {
    for (;;) {
      try {
        if (/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return;
      } catch {
        return;
      }
    }
  }

  test('figures have the same names', () => {
    const { id, directory } = bundles.make({ process: { args: ['sleep', '1000'] } });
    const shape = (runtime?: 'runc'): string[] => {
      const options = runtime === undefined ? {} : { runtime };
      assert.equal(bundles.call(['run', '--detach', '--bundle', directory, id], { ...options, detached: true }).code, 0);
      const { out } = bundles.call(['events', '--stats', id], options);
      assert.equal(bundles.call(['delete', '--force', id], options).code, 0);
      // What is nothing is left out, and disks may or may not have been read.
      return keysOf(JSON.parse(out)).filter((key) => !/blkio|throttling|\.(usage|max|cache|percpu|total|kernel|user)/.test(key));
    };
    assert.deepEqual(shape(), shape('runc'));
  });

  function keysOf(value: unknown, path = ''): string[] {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path];
    return Object.entries(value).flatMap(([key, inner]) => keysOf(inner, `${path}.${key}`));
  }

  test('the example spec', () => {
    for (const rootless of [[], ['--rootless']]) {
      const write = (runtime?: 'runc'): string => {
        const directory = mkdtempSync(join(bundles.home.directory, 'spec-'));
        const done = bundles.call(['spec', '--bundle', directory, ...rootless], runtime === undefined ? {} : { runtime });
        assert.deepEqual([done.code, done.out, done.err], [0, '', '']);
        both(['spec', '--bundle', directory]);
        const text = readFileSync(join(directory, 'config.json'), 'utf8');
        // Later versions of runc leave these out: without inheritable ones there are none.
        const ambient = /,\n\t*"ambient": \[[^\]]*\]/;
        return text.replace((JSON.parse(text) as Spec).ociVersion, 'VERSION').replace(ambient, '');
      };
      assert.equal(write(), write('runc'));
    }
  });

  test('the log', () => {
    const place = join(bundles.home.directory, 'logs');
    mkdirSync(place);
    for (const [format, words] of [
      ['text', ['state', 'nobody']],
      ['json', ['state', 'nobody']],
      ['json', ['run', '--bundle', '/nowhere', 'x']],
      ['json', ['kill']],
    ] as const) {
      const logOf = (runtime?: 'runc') => {
        const log = join(place, `${runtime ?? 'ours'}-${format}-${words.join('').replaceAll('/', '')}`);
        const done = bundles.call(['--log', log, '--log-format', format, ...words], runtime === undefined ? {} : { runtime });
        const plain = comparable({ ...done, out: done.out.slice(0, 10) });
        return { ...plain, log: comparable({ code: 0, out: readFileSync(log, 'utf8'), err: '' }).out };
      };
      assert.deepEqual(logOf(), logOf('runc'));
    }
  });

  test('a log that cannot be made', () => both(['--log', '/no/such/directory/log', 'list']));
});
