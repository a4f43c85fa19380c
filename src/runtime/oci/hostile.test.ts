import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import type { SpecMount } from '#oci';
import { type BundleWishes, openTestBundles, type Outcome, shell } from '../testing/bundles.ts';
import { reasonToSkip } from '../testing/root.ts';
import { allCapabilities } from '../capabilities.ts';
import { exampleSpec } from './commands/spec.ts';

// Images and processes of a container that try what public advisories about container runtimes tell. Each attack must fail, and nothing of it may be seen outside.

describe('hostile images and processes', { skip: reasonToSkip() }, () => {
  const skipped = reasonToSkip() !== false;
  const bundles = skipped ? (null as never) : openTestBundles(`orlop-hostile-${process.pid}`);
  const { home } = bundles ?? {};
  const usual = exampleSpec().mounts ?? [];
  const without = (...places: string[]): SpecMount[] =>
    usual.filter(({ destination }) => !places.some((place) => destination.startsWith(place)));
  const outside = skipped ? '' : join(home.directory, 'outside');

  after(async () => assert.deepEqual(await bundles.close(), []));

  beforeEach(() => {
    for (const name of readdirSync(home.root).filter((one) => one !== 'bin'))
      rmSync(join(home.root, name), { recursive: true, force: true });
    mkdirSync(join(home.root, 'tmp'));
    chmodSync(join(home.root, 'tmp'), 0o1777);
    rmSync(outside, { recursive: true, force: true });
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret'), 'secret of the host');
  });

  const run = (wishes: BundleWishes): Outcome => bundles.run({ ...wishes, linux: { resources: {}, ...wishes.linux } });

  function refused(outcome: Outcome, message: RegExp): void {
    assert.deepEqual([outcome.code === 0, message.test(outcome.err)], [false, true], JSON.stringify(outcome));
  }

  const untouched = (): void => assert.deepEqual(readdirSync(outside), ['secret']);

  /** A container that runs while `attack` does its work. */
  async function running(wishes: BundleWishes, attack: (id: string) => void | Promise<void>): Promise<void> {
    const { id, directory } = bundles.make({ process: shell('sleep 1000'), ...wishes, linux: { resources: {}, ...wishes.linux } });
    assert.deepEqual(bundles.call(['run', '--detach', '--bundle', directory, id], { detached: true }), { code: 0, out: '', err: '' });
    try {
      await attack(id);
    } finally {
      assert.equal(bundles.call(['delete', '--force', id]).code, 0);
    }
  }

  describe('descriptors and working directories (CVE-2024-21626, CVE-2016-9962)', () => {
    test('no descriptor of ours is a way to the host as working directory, not at the creation', () => {
      for (const number of [3, 4, 5, 7, 8, 9]) refused(run({ process: { ...shell('ls ../../..'), cwd: `/proc/self/fd/${number}` } }), /fd/);
    });

    test('nor by a link of the image', () => {
      symlinkSync('/proc/self/fd/7', join(home.root, 'work'));
      refused(run({ process: { cwd: '/work' } }), /work/);
      symlinkSync('/proc/1/cwd', join(home.root, 'cwd'));
      refused(run({ process: { cwd: '/cwd' } }), /cwd/);
    });

    test('nor of an exec, whatever the descriptors of the caller', () =>
      running({}, (id) => {
        const leak = openSync(outside, 'r');
        try {
          for (const number of [3, 6, 7, leak]) refused(bundles.call(['exec', '--cwd', `/proc/self/fd/${number}`, id, 'ls']), /fd/);
        } finally {
          closeSync(leak);
        }
      }));

    test('a program gets its three descriptors and none of those that the caller had open', () => {
      const { id, directory } = bundles.make({ process: shell('ls -l /proc/self/fd'), linux: { resources: {} } });
      const script = `exec 5<${outside} 9<${outside}/secret; exec "$@"`;
      const words = [
        'sh',
        process.execPath,
        join(import.meta.dirname, '../testing/command-line.ts'),
        '--root',
        bundles.root,
        'run',
        '-b',
        directory,
        id,
      ];
      const { stdout } = spawnSync('/bin/sh', ['-c', script, ...words], { encoding: 'utf8', timeout: 30_000 });
      const shown = stdout.split('\n').filter((line) => line.includes('->'));
      // The directory that ls itself reads is closed again when it looks.
      assert.deepEqual(shown.map((line) => /(\d+) ->/.exec(line)?.[1]).toSorted(), ['0', '1', '2']);
      assert.doesNotMatch(stdout, /outside|orlop/);
    });

    test('a process of the container, root with all rights there, sees nothing of one that enters', () => {
      const range = [{ containerID: 0, hostID: 500_000, size: 65_536 }];
      const namespaces = [...(exampleSpec().linux?.namespaces ?? []), { type: 'user' as const }];
      const all = [...allCapabilities];
      const capabilities = { bounding: all, effective: all, permitted: all };
      for (const name of ['proc', 'sys', 'dev']) mkdirSync(join(home.root, name));
      const process = { ...shell(`${watch} & exec sleep 1000`), capabilities };
      const rest = { root: { path: home.root } };
      return running({ process, rest, linux: { namespaces, uidMappings: range, gidMappings: range } }, (id) => {
        for (let count = 0; count < 8; count += 1) assert.equal(bundles.call(['exec', id, 'true']).code, 0);
        const { out } = bundles.call([
          'exec',
          id,
          'sh',
          '-c',
          'echo >/tmp/stop; while ! test -e /tmp/done; do sleep 0.05; done; cat /tmp/seen',
        ]);
        const seen = new Set(out.split('\n').map((line) => line.trim()));
        assert.ok(seen.has('exe /bin/busybox'));
        assert.deepEqual(
          [...seen].filter((line) => !/^(exe \/bin\/busybox|(cwd|root) \/)?$/.test(line)),
          [],
        );
      });
    });

    /** Until told to stop: what the links of every process but its own lead to. */
    const watch =
      'while ! test -e /tmp/stop; do for p in /proc/[0-9]*; do for l in $p/exe $p/cwd $p/root $p/fd/[3-9]* $p/fd/1[0-9]; do ' +
      'case $p in /proc/1|/proc/$$) ;; *) to=$(readlink $l) && echo ${l##*/} $to >>/tmp/seen;; esac; done; done; done 2>/dev/null; echo >/tmp/done';
  });

  describe('the program that enters (CVE-2019-5736)', () => {
    test('running it inside, as root without a user namespace, gives no way to write to it', () => {
      // The image's program is a link to whatever executes it: process 1 is bosun itself, and its child attacks.
      symlinkSync('/proc/self/exe', join(home.root, 'self'));
      const attack = 'readlink /proc/1/exe; exec 7</proc/1/exe; (echo x >/proc/self/fd/7) 2>&1; (echo x >/proc/1/exe) 2>&1';
      const { out } = run({ process: { args: ['/self', 'init', '--', 'sh', '-c', attack] } });
      // The root of a mount that lies nowhere.
      assert.match(out, /^\/\n/);
      assert.equal(out.match(/Text file busy|Read-only file system/g)?.length, 2, out);
    });

    test('its file is on a mount that is read-only for everybody, also when nobody runs it any more', () =>
      running(
        {
          process: shell('while ! test -e /go; do sleep 0.05; done; sh /attack >/result 2>&1; echo >/done; exec sleep 1000'),
          rest: { root: { path: home.root } },
        },
        (id) => {
          symlinkSync('/proc/self/exe', join(home.root, 'self'));
          const attack = [
            'pid=$(cat /entered)',
            'exec 7</proc/$pid/exe',
            'kill -9 $pid',
            'while test -e /proc/$pid; do sleep 0.02; done',
            '(echo x >/proc/self/fd/7)',
          ];
          writeFileSync(join(home.root, 'attack'), attack.join('\n'));
          const pidFile = join(home.directory, 'entered');
          bundles.call(['exec', '--detach', '--pid-file', pidFile, id, '/self', 'init', '--', 'sleep', '1000'], { detached: true });
          const inside = /^NSpid:.*\t(\d+)$/m.exec(readFileSync(`/proc/${readFileSync(pidFile, 'utf8')}/status`, 'utf8'))?.[1] ?? '';
          writeFileSync(join(home.root, 'entered'), inside);
          writeFileSync(join(home.root, 'go'), '');
          bundles.call(['exec', id, 'sh', '-c', 'while ! test -e /done; do sleep 0.05; done']);
          assert.match(readFileSync(join(home.root, 'result'), 'utf8'), /Read-only file system/);
        },
      ));
  });

  describe('links in the place of what is mounted', () => {
    test('/proc and /sys that are links are refused (CVE-2019-19921, CVE-2023-27561)', () => {
      for (const [name, to] of [
        ['proc', outside],
        ['proc', '/tmp'],
        ['proc', '.'],
        ['sys', '/tmp'],
        ['sys', '/../../../tmp'],
      ] as const) {
        rmSync(join(home.root, name), { recursive: true, force: true });
        symlinkSync(to, join(home.root, name));
        refused(run({}), name === 'proc' ? /\/proc/ : /\/sys/);
        rmSync(join(home.root, name));
      }
      untouched();
    });

    test('a volume does not come over /proc by a link (CVE-2019-16884)', () => {
      mkdirSync(join(home.root, 'proc'));
      for (const to of ['/proc', '../proc', '/proc/self', '/proc/sys']) {
        rmSync(join(home.root, 'data'), { force: true });
        symlinkSync(to, join(home.root, 'data'));
        for (const mount of [
          { destination: '/data', type: 'bind', source: outside, options: ['bind'] },
          { destination: '/data', type: 'tmpfs' },
        ])
          refused(run({ rest: { mounts: [...usual, mount] } }), /\/data/);
      }
    });

    test('a /dev that leads elsewhere stays inside, with and without a mount on it (CVE-2026-41579, CVE-2026-88264)', () => {
      for (const mounts of [usual, without('/dev')]) {
        for (const to of [outside, `../../../../../../../../..${outside}`]) {
          rmSync(join(home.root, 'dev'), { recursive: true, force: true });
          symlinkSync(to, join(home.root, 'dev'));
          run({ rest: { mounts }, process: shell('ls -l /dev/') });
          untouched();
        }
      }
    });

    test('a console that leads elsewhere covers nothing of the kernel and makes nothing outside (CVE-2025-52565)', () => {
      mkdirSync(join(home.root, 'dev/pts'), { recursive: true });
      mkdirSync(join(home.root, 'proc'));
      const pts = usual.filter(({ destination }) => destination === '/dev/pts');
      const mounts = [...without('/dev'), ...pts];
      const console = (to: string): Outcome => {
        rmSync(join(home.root, 'dev/console'), { force: true });
        symlinkSync(to, join(home.root, 'dev/console'));
        return onTerminal({ process: { ...shell('echo it ran'), terminal: true }, rest: { mounts } });
      };
      refused(console('/proc/sysrq-trigger'), /console/);
      refused(console('/proc/sys/kernel/core_pattern'), /console/);
      console(join(outside, 'made'));
      untouched();
    });

    test('mount places with links and dots end up inside', () => {
      symlinkSync('/', join(home.root, 'up'));
      symlinkSync(`../../../../../..${outside}`, join(home.root, 'climb'));
      const places = ['/up/../../../../a', '/climb/b', '/../../c', '/up/up/up/d'];
      const mounts = [...usual, ...places.map((destination): SpecMount => ({ destination, type: 'tmpfs', source: 'tmpfs' }))];
      const { out } = run({ rest: { mounts }, process: shell('cat /proc/self/mountinfo') });
      for (const place of ['/a', `${outside}/b`, '/c', '/d']) assert.match(out, new RegExp(` ${place} `));
      untouched();
    });

    test('devices, masks and read-only paths through links end up inside', () => {
      symlinkSync(outside, join(home.root, 'out'));
      run({
        rest: { root: { path: home.root } },
        linux: {
          devices: [
            { path: '/out/node', type: 'c', major: 1, minor: 3 },
            { path: '/dev/../../../out/other', type: 'p' },
          ],
          maskedPaths: ['/out/secret', '/../../../out'],
          readonlyPaths: ['/out'],
        },
      });
      untouched();
      assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'secret of the host');
    });
  });

  describe('things that are not what they seem', () => {
    /** A /dev of the image's or of a volume's, which nothing is put into. */
    const bound = (): SpecMount => ({ destination: '/dev', type: 'bind', source: outside, options: ['bind'] });

    test('a mask hides, whatever lies at /dev/null (CVE-2025-31133, CVE-2026-88265)', () => {
      writeFileSync(join(home.root, 'token'), 'token');
      mkdirSync(join(home.root, 'dev'));
      for (const make of [
        (path: string): void => symlinkSync('/bin/busybox', path),
        (path: string): void => symlinkSync('/proc/sys/kernel/core_pattern', path),
        (path: string): void => writeFileSync(path, 'plain'),
        (path: string): void => void spawnSync('mknod', [path, 'c', '1', '5']),
      ]) {
        for (const [mounts, path] of [
          [without('/dev'), join(home.root, 'dev/null')],
          [[...without('/dev'), bound()], join(outside, 'null')],
        ] as const) {
          rmSync(path, { force: true });
          make(path);
          const { code, out } = run({
            rest: { mounts },
            process: shell('stat -c "%F %t:%T" /token; cat /token'),
            linux: { maskedPaths: ['/token'] },
          });
          // Refused for the node that is wrong, or hidden for good.
          assert.ok(code !== 0 ? mounts.length === without('/dev').length : out === 'character special file 1:3\n', out);
        }
      }
    });

    test("a masked file is no way to change the host's null device", () => {
      const before = statSync('/dev/null').mode;
      mkdirSync(join(home.root, 'dev'));
      const all = ['CAP_FOWNER', 'CAP_CHOWN', 'CAP_DAC_OVERRIDE'];
      const capabilities = { bounding: all, effective: all, permitted: all };
      try {
        for (const mounts of [usual, without('/dev'), [...without('/dev'), bound()]])
          assert.equal(run({ rest: { mounts }, process: { ...shell('chmod 640 /proc/keys; echo $?'), capabilities } }).code, 0);
        assert.equal(statSync('/dev/null').mode, before);
      } finally {
        chmodSync('/dev/null', before & 0o7777);
      }
    });

    test('kernel settings are written to the kernel, not to files of the image (CVE-2025-52881)', () => {
      mkdirSync(join(home.root, 'proc/sys/net/ipv4'), { recursive: true });
      const forged = join(home.root, 'proc/sys/net/ipv4/ip_forward');
      writeFileSync(forged, 'forged');
      refused(
        run({ rest: { mounts: without('/proc') }, linux: { sysctl: { 'net.ipv4.ip_forward': '1' }, maskedPaths: [], readonlyPaths: [] } }),
        /ip.forward/,
      );
      assert.equal(readFileSync(forged, 'utf8'), 'forged');
      const { out } = run({ process: shell('cat /proc/sys/net/ipv4/ip_forward'), linux: { sysctl: { 'net.ipv4.ip_forward': '1' } } });
      assert.equal(out, '1\n');
      assert.equal(readFileSync(forged, 'utf8'), 'forged');
    });

    test("the image's user database cannot hang us, eat our memory or lead to the host's", async () => {
      mkdirSync(join(home.root, 'etc'));
      const passwd = join(home.root, 'etc/passwd');
      writeFileSync(join(outside, 'passwd'), 'root:x:0:0::/of-the-host:/bin/sh\n');
      const attempts: (() => void)[] = [
        () => void spawnSync('mkfifo', [passwd]),
        () => symlinkSync(join(outside, 'passwd'), passwd),
        () => symlinkSync('/proc/self/fd/0', passwd),
        () => void spawnSync('mknod', [passwd, 'c', '1', '5']),
        () => {
          writeFileSync(passwd, '');
          truncateSync(passwd, 2 ** 40);
        },
        () => mkdirSync(passwd),
      ];
      for (const attempt of attempts) {
        rmSync(passwd, { recursive: true, force: true });
        attempt();
        const { out } = run({ process: shell('echo home $HOME') });
        assert.doesNotMatch(out, /of-the-host/);
      }
      await Promise.resolve();
    });
  });

  test('directories that change places while we mount lead nowhere else (CVE-2021-30465)', async () => {
    // A volume that another container shares: a directory and a link to the host's root exchange their names all the time.
    const shared = join(home.directory, 'shared');
    mkdirSync(join(shared, 'place'), { recursive: true });
    symlinkSync(`../../../../../../../..${outside}`, join(shared, 'link'));
    chmodSync(shared, 0o777);
    const racer = spawn(process.execPath, ['-e', racing(shared)], { stdio: 'ignore' });
    const mounts: SpecMount[] = [
      ...usual,
      { destination: '/volume', type: 'bind', source: shared, options: ['rbind'] },
      { destination: '/volume/place/inner', type: 'tmpfs', source: 'tmpfs' },
      { destination: '/volume/place', type: 'bind', source: join(home.directory, 'volume'), options: ['rbind'] },
    ];
    mkdirSync(join(home.directory, 'volume'));
    writeFileSync(join(home.directory, 'volume/marker'), 'marker');
    try {
      for (let round = 0; round < 10; round += 1) {
        const { code, out } = run({
          rest: { mounts },
          process: shell(`cat /volume/place/marker; cat ${outside}/secret /secret /volume/place/secret; true`),
        });
        if (code === 0) assert.doesNotMatch(out, /secret of the host/);
        untouched();
      }
    } finally {
      racer.kill('SIGKILL');
      await once(racer, 'exit');
    }
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(home.directory));
  });

  describe('what an exec brings along', () => {
    const rights = ['CAP_CHOWN', 'CAP_KILL'];
    const capabilities = { bounding: rights, effective: rights, permitted: rights };

    test('no capability can be inherited that the spec does not name so (CVE-2022-29162)', () =>
      running({ process: { ...shell('sleep 1000'), capabilities } }, (id) => {
        for (const extra of [[], ['--cap', 'CAP_KILL', '--cap', 'CAP_NET_RAW']]) {
          const { out } = bundles.call(['exec', ...extra, id, 'cat', '/proc/self/status']);
          assert.match(out, /^CapInh:\t0{16}$/m);
          assert.match(out, /^CapAmb:\t0{16}$/m);
        }
        const { out } = bundles.call(['exec', '--user', '1000:1000', id, 'cat', '/proc/self/status']);
        assert.match(out, /^CapEff:\t0{16}$/m);
        assert.match(out, /^CapPrm:\t0{16}$/m);
      }));

    test("groups are those of the spec, never the caller's or root's (CVE-2022-36109)", () =>
      running({ process: { ...shell('sleep 1000'), user: { uid: 0, gid: 0, additionalGids: [7] } } }, (id) => {
        writeFileSync(join(home.root, 'denied'), 'x');
        const words = ['-c', 'import os,sys; os.setgroups([0, 42, 1234]); os.execv(sys.argv[1], sys.argv[1:])'];
        const python = spawnSync('python3', ['--version']).status === 0;
        const program = join(import.meta.dirname, '../testing/command-line.ts');
        const command = [process.execPath, program, '--root', bundles.root, 'exec', '--user', '1000:100', id, 'id', '-G'];
        const { stdout } = python
          ? spawnSync('python3', [...words, ...command], { encoding: 'utf8' })
          : spawnSync(command[0] ?? '', command.slice(1), { encoding: 'utf8' });
        assert.equal(stdout, '100 7\n');
      }));

    test('an id that means "as before" to the kernel is no id', () => {
      for (const user of [
        { uid: 2 ** 32 - 1, gid: 0 },
        { uid: 0, gid: 2 ** 32 - 1 },
      ])
        refused(run({ process: { ...shell('id'), user } }), /4294967295/);
      refused(run({ process: { ...shell('id'), user: { uid: 1, gid: 1, additionalGids: [2 ** 32 - 1] } } }), /./);
    });
  });

  test('a directory whose group is inherited gives what we make to nobody', () => {
    mkdirSync(join(home.root, 'g'));
    spawnSync('chown', ['0:1234', join(home.root, 'g')]);
    chmodSync(join(home.root, 'g'), 0o2777);
    const mounts: SpecMount[] = [...usual, { destination: '/g/new/deep', type: 'tmpfs', source: 'tmpfs' }];
    assert.equal(run({ rest: { root: { path: home.root }, mounts } }).code, 0);
    assert.equal(lstatSync(join(home.root, 'g/new')).mode & 0o7022, 0o2000);
  });

  /** With a console socket that we serve and close. */
  function onTerminal(wishes: BundleWishes): Outcome {
    const { id, directory } = bundles.make({ ...wishes, linux: { resources: {}, ...wishes.linux } });
    const socket = join(home.directory, 'console.sock');
    rmSync(socket, { force: true });
    const server = spawn(
      process.execPath,
      ['-e', `require('node:net').createServer((one) => one.on('error', () => {})).listen(${JSON.stringify(socket)})`],
      { stdio: 'ignore' },
    );
    try {
      while (!existsSync(socket)) spawnSync('true');
      const outcome = bundles.call(['create', '--console-socket', socket, '--bundle', directory, id], { detached: true });
      bundles.call(['delete', '--force', id]);
      return outcome;
    } finally {
      server.kill('SIGKILL');
    }
  }
});

/** A program that exchanges a directory and a link until it is killed. */
function racing(directory: string): string {
  const rename = renameSync.name;
  const [place, link, spare] = ['place', 'link', 'spare'].map((name) => JSON.stringify(join(directory, name)));
  const once = (from: string | undefined, to: string | undefined): string => `try { fs.${rename}(${from}, ${to}) } catch {}`;
  return `const fs = require('node:fs'); for (;;) { ${once(place, spare)}; ${once(link, place)}; ${once(place, link)}; ${once(spare, place)} }`;
}
