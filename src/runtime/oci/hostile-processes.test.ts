import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { allCapabilities } from '../capabilities.ts';
import { openAttacks } from '../testing/attacks.ts';
import { shell } from '../testing/bundles.ts';
import { reasonToSkip } from '../testing/root.ts';
import { exampleSpec } from './commands/spec.ts';

// Processes of a container that go for whatever enters it: what public advisories about container runtimes tell must fail.

describe('hostile processes', { skip: reasonToSkip() }, () => {
  const attacks = reasonToSkip() === false ? openAttacks(`orlop-entering-${process.pid}`) : (null as never);
  const { bundles, home, outside, run, running, refused } = attacks ?? {};

  beforeEach(() => attacks.refresh());
  after(async () => assert.deepEqual(await bundles.close(), []));

  describe('descriptors and working directories (CVE-2024-21626, CVE-2016-9962)', () => {
    test('no descriptor of ours is a way to the host as working directory, not at the creation', () => {
      for (const number of [3, 4, 5, 7, 8, 9]) refused(run({ process: { ...shell('ls ../../..'), cwd: `/proc/self/fd/${number}` } }), /fd/);
    });

    test('nor by a link of the image', () => {
      symlinkSync('/proc/self/fd/7', join(home.root, 'place'));
      refused(run({ process: { cwd: '/place' } }), /place/);
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
      assert.deepEqual(new Set(shown.map((line) => /(\d+) ->/.exec(line)?.[1])), new Set(['0', '1', '2']));
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
        // The others may have been too quick; this one stays until it is seen.
        const untilSeen = 'until grep -q "exe /bin/busybox" /tmp/seen; do sleep 0.05; done';
        const { out } = bundles.call([
          'exec',
          id,
          'sh',
          '-c',
          `${untilSeen}; echo >/tmp/stop; while ! test -e /tmp/done; do sleep 0.05; done; cat /tmp/seen`,
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
});
