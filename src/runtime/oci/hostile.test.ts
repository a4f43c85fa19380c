import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
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
import { openAttacks } from '../testing/attacks.ts';
import { type BundleWishes, type Outcome, shell } from '../testing/bundles.ts';
import { reasonToSkip } from '../testing/root.ts';

// Images that try what public advisories about container runtimes tell. Each attack must fail, and nothing of it may be seen outside.

describe('hostile images', { skip: reasonToSkip() }, () => {
  const attacks = reasonToSkip() === false ? openAttacks(`orlop-hostile-${process.pid}`) : (null as never);
  const { bundles, home, outside, usual, without, run, refused, untouched } = attacks ?? {};

  beforeEach(() => attacks.refresh());
  after(async () => assert.deepEqual(await bundles.close(), []));

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
