import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { eventually, projectRoot, startEngine, whyNot, type TestEngine } from './harness.ts';
import { openTerminal } from './typed-terminal.ts';

const stateOf = (engine: TestEngine, name: string): Promise<string> =>
  engine.must('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', name);

/** The time that images carry, so that they can be compared. */
const env = { SOURCE_DATE_EPOCH: '1700000000' };

/** Builds a template; false, and the test skipped, when the mirror cannot be reached from here. */
async function build(engine: TestEngine, context: TestContext, template: string, flags: readonly string[] = []): Promise<boolean> {
  const { code, stderr } = await engine.orlopWith({ timeoutMs: 280_000, env }, 'template', 'build', '-q', ...flags, template);
  if (code === 0) return true;
  if (!/cannot be reached|is not installed/.test(stderr)) throw new Error(stderr);
  context.skip(stderr);
  return false;
}

/** Building and booting whole distributions takes minutes, so it is a run of its own: `npm run test:distributions`. */
const whyNotNow = whyNot() || (process.env['ORLOP_DISTRIBUTIONS'] === '1' ? false : 'it takes minutes: npm run test:distributions runs it');

describe('inits that are not systemd', { skip: whyNotNow }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
  });
  after(() => engine[Symbol.asyncDispose]());

  const inits = [
    { variant: 'sysvinit', level: ['runlevel'], isUp: (answer: string) => answer === 'N 2' },
    { variant: 'openrc', level: ['rc-status', '--runlevel'], isUp: (answer: string) => answer === 'default' },
    { variant: 's6', level: ['runlevel'], isUp: (answer: string) => answer === 'N 2' },
    { variant: 'runit', level: ['pgrep', '-c', '-x', 'runsvdir'], isUp: (answer: string) => answer === '1' },
  ];
  for (const { variant, level, isUp } of inits) {
    test(`${variant} comes up with a login on its console, comes back from a reboot, and shuts down`, async (context) => {
      if (!(await build(engine, context, `debian/trixie/${variant}`))) return;
      const inside = async (...words: string[]): Promise<string> => (await engine.orlop('exec', variant, ...words)).stdout.trim();
      const isBooted = async (): Promise<void> => {
        await eventually(() => inside(...level), isUp);
        await eventually(
          () => inside('ps', '-e', '-o', 'args'),
          (answer) => answer.includes('getty') && answer.includes('dbus-daemon'),
        );
      };
      await engine.must('launch', `debian/trixie/${variant}`, variant);
      await isBooted();
      await eventually(
        () => engine.must('logs', variant),
        (answer) => answer.includes(`${variant} console`),
      );
      const terminal = openTerminal(`${projectRoot}/bin/orlop -H ${engine.host} console ${variant}`);
      await terminal.until(/return wakes it/);
      terminal.type('\n');
      await terminal.until(/login: /);
      terminal.type('root\n');
      await terminal.until(/Password: /);
      terminal.type('\x01q');
      assert.equal(await terminal.ended, 0);
      assert.equal(await engine.must('inspect', '-f', '{{index .Config.Labels "orlop.init"}}', variant), variant);
      const started = (): Promise<string> => engine.must('inspect', '-f', '{{.State.StartedAt}}', variant);
      const first = await started();
      await engine.orlop('exec', variant, 'reboot');
      await eventually(started, (answer) => answer !== first);
      await isBooted();
      await engine.must('stop', '-t', '60', variant);
      assert.equal(await stateOf(engine, variant), 'exited 0');
    });
  }

  test('their images are made again just the same: by other processes, at another time, under another umask', async (context) => {
    const before = process.umask(0o077);
    // What an engine is started with, it hands on to the programs that it runs.
    await using other = await startEngine().finally(() => process.umask(before));
    for (const each of [engine, other]) if (!(await build(each, context, 'debian/trixie/openrc'))) return;
    for (const name of ['debian:trixie', 'debian:trixie-openrc']) {
      const [one, two] = await Promise.all(
        [engine, other].map((each) => each.must('inspect', '--type', 'image', '-f', '{{.Id}} {{json .RootFS.Layers}}', name)),
      );
      assert.equal(one, two);
    }
  });
});

describe('a template', { skip: whyNotNow }, () => {
  test('of a recipe that somebody wrote is listed, built and run', async () => {
    const templates = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
    await using engine = await startEngine(['--templates', templates]);
    const recipe = {
      name: 'mine/trixie',
      suite: 'trixie',
      variants: [{ name: 'app', packages: ['file'], commands: ["echo 'made by me' > /made"], command: ['cat', '/made'] }],
    };
    writeFileSync(join(templates, 'mine.json'), JSON.stringify(recipe));
    writeFileSync(join(templates, 'wrong.json'), '{"name":"x"}');
    const { stdout, stderr } = await engine.orlop('template', 'list');
    assert.match(stdout, /mine\/trixie\/app\s+app\s+mine:trixie\s+no/);
    assert.match(stderr, /wrong\.json: suite: it is missing/);
    const { code, stderr: why } = await engine.orlopWith({ timeoutMs: 300_000 }, 'template', 'build', '-q', 'mine/trixie');
    if (code !== 0) assert.match(why, /cannot be reached|is not installed/);
    else assert.equal(await engine.must('run', '--rm', 'mine:trixie'), 'made by me');
    execFileSync('rm', ['-r', templates]);
  });
});

describe('images for LXD', { skip: whyNot() }, () => {
  let engine: TestEngine;
  let server: ReturnType<typeof createServer>;
  const asked: string[] = [];
  const at = (...parts: readonly string[]): string => join(engine.root, ...parts);

  before(async () => {
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end(readFileSync(at('www', request.url ?? '')));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const remotes = execFileSync('mktemp', { encoding: 'utf8' }).trim();
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    writeFileSync(remotes, JSON.stringify({ remotes: { lab: { url } } }));
    engine = await startEngine(['--remotes', remotes]);
    execFileSync('rm', [remotes]);
    writeImage();
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  });

  /** A machine of busybox as LXD's tools would pack it, in one file and in two. */
  const writeImage = (): void => {
    for (const path of [
      'lxd/templates',
      'lxd/rootfs/bin',
      'lxd/rootfs/sbin',
      'lxd/rootfs/etc',
      'lxd/rootfs/proc',
      'lxd/rootfs/dev',
      'lxd/rootfs/sys',
    ])
      mkdirSync(at(path), { recursive: true });
    cpSync('/bin/busybox', at('lxd/rootfs/bin/busybox'));
    for (const program of ['sh', 'cat', 'hostname']) symlinkSync('busybox', at('lxd/rootfs/bin', program));
    symlinkSync('../bin/busybox', at('lxd/rootfs/sbin/init'));
    writeFileSync(at('lxd/rootfs/etc/inittab'), '::askfirst:-/bin/sh\n');
    writeFileSync(
      at('lxd/metadata.yaml'),
      'architecture: x86_64\ncreation_date: 86400\nproperties: {os: Tiny, release: "1"}\ntemplates:\n  /etc/motd: {when: [create, copy], template: motd.tpl}\n',
    );
    writeFileSync(at('lxd/templates/motd.tpl'), 'I am {{ container.name }}.\n');
    execFileSync('tar', ['-C', at('lxd'), '-cJf', at('unified.tar.xz'), 'metadata.yaml', 'templates', 'rootfs']);
    execFileSync('tar', ['-C', at('lxd'), '-cJf', at('metadata.tar.xz'), 'metadata.yaml', 'templates']);
    execFileSync('tar', ['-C', at('lxd/rootfs'), '-czf', at('rootfs.tar.gz'), '.']);
  };

  test('in one file and in two boot, with the files that their templates ask for', async () => {
    assert.equal(await engine.must('image', 'import', '--lxd', '--name', 'one', at('unified.tar.xz')), 'one');
    await engine.must('image', 'import', '--lxd', '--name', 'two', at('metadata.tar.xz'), at('rootfs.tar.gz'));
    assert.equal(await engine.must('inspect', '--type', 'image', '-f', '{{index .Config.Labels "orlop.init"}}', 'two'), 'busybox');
    for (const name of ['one', 'two']) {
      await engine.must('launch', name, `box-${name}`);
      assert.equal(await engine.must('exec', `box-${name}`, 'cat', '/etc/motd', '/etc/hostname'), `I am box-${name}.\nbox-${name}`);
      await engine.must('stop', `box-${name}`);
      assert.equal(await stateOf(engine, `box-${name}`), 'exited 0');
    }
  });

  test('that are none are refused with what was expected', async () => {
    const { code, stderr } = await engine.orlop('image', 'import', '--lxd', at('rootfs.tar.gz'));
    assert.equal(code, 1);
    assert.match(stderr, /there is no rootfs\/ in it\n.*unified tarball/s);
  });

  test('of a remote are fetched by the first launch, and known by the second', async () => {
    const describeFile = (path: string, ftype: string, more: object = {}): object => {
      const bytes = readFileSync(at(path));
      mkdirSync(at('www/images'), { recursive: true });
      writeFileSync(at('www/images', path), bytes);
      return { ftype, path: `images/${path}`, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'), ...more };
    };
    mkdirSync(at('www/streams/v1'), { recursive: true });
    const items = { all: describeFile('unified.tar.xz', 'lxd_combined.tar.gz') };
    const arch = process.arch === 'x64' ? 'amd64' : process.arch;
    const products = { 'tiny:1': { aliases: 'tiny/1,tiny/1/default', arch, versions: { 1: { items } } } };
    writeFileSync(at('www/streams/v1/images.json'), JSON.stringify({ products }));
    const index = { index: { images: { datatype: 'image-downloads', path: 'streams/v1/images.json' } } };
    writeFileSync(at('www/streams/v1/index.json'), JSON.stringify(index));
    await engine.must('rmi', '-f', 'one', 'two').catch(() => '');
    assert.equal(await engine.must('launch', 'lab:tiny/1', 'far'), 'far');
    assert.equal(await engine.must('exec', 'far', 'cat', '/etc/motd'), 'I am far.');
    assert.match(await engine.must('images', 'lab/tiny'), /lab\/tiny\s+1 /);
    const fetched = asked.filter((path) => path.startsWith('/images/')).length;
    await engine.must('pull', 'lab:tiny/1');
    await engine.must('launch', 'lab:tiny/1/default', 'near');
    assert.deepEqual([asked.filter((path) => path.startsWith('/images/')).length, fetched <= 1], [fetched, true]);
    assert.match((await engine.orlop('launch', 'lab:tiny/2')).stderr, /has no image "tiny\/2"\nhint: it has tiny\/1/);
  });
});

describe('a Debian with cloud-init', { skip: whyNotNow }, () => {
  const health = (engine: TestEngine, name: string): Promise<string> => engine.must('inspect', '-f', '{{.State.Health.Status}}', name);
  const userData = `#cloud-config
users: [{name: ada, shell: /bin/bash, ssh_authorized_keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ0ZXN0a2V5 ada']}]
write_files: [{path: /etc/made, content: made, permissions: '0640'}]
runcmd: ['cat /etc/hostname >> /root/ran']
`;

  test('does what it is told, once for each instance, and shows in its health what went wrong', async (context) => {
    await using engine = await startEngine();
    if (!(await build(engine, context, 'debian/trixie/cloud'))) return;
    const file = join(engine.root, 'user-data');
    writeFileSync(file, userData);
    await engine.must('launch', '--user-data', file, 'debian/trixie/cloud', 'one');
    await eventually(
      () => health(engine, 'one'),
      (answer) => answer === 'healthy',
    );
    assert.match(await engine.must('exec', 'one', 'cloud-init', 'status', '--wait'), /status: done$/);
    assert.equal(await engine.must('exec', 'one', 'sh', '-c', 'stat -c %a /etc/made; cat /etc/made /root/ran'), '640\nmadeone');
    assert.match(await engine.must('exec', 'one', 'sh', '-c', 'cat ~ada/.ssh/authorized_keys'), /^ssh-ed25519 AAAA/m);
    await engine.must('restart', 'one');
    await engine.must('copy', 'one', 'two');
    await engine.must('start', 'two');
    await eventually(
      () => engine.must('exec', 'two', 'cat', '/root/ran'),
      (answer) => answer === 'one\ntwo',
    );
    const key = (name: string): Promise<string> => engine.must('exec', name, 'cat', '/etc/ssh/ssh_host_ed25519_key.pub');
    await eventually(
      () => health(engine, 'two'),
      (answer) => answer === 'healthy',
    );
    assert.equal(await engine.must('exec', 'one', 'cat', '/root/ran'), 'one');
    assert.notEqual(await key('one'), await key('two'));
    assert.equal(await engine.must('exec', 'two', 'systemctl', 'is-system-running', '--wait'), 'running');

    await engine.must('launch', '--set', 'cloud-init.user-data=#cloud-config\nruncmd: ["exit 3"]\n', 'debian/trixie/cloud', 'bad');
    await eventually(
      () => health(engine, 'bad'),
      (answer) => answer === 'unhealthy',
    );
    assert.match(await engine.must('inspect', '-f', '{{json .State.Health.Log}}', 'bad'), /Runparts: 1 failures/);
    assert.match((await engine.orlop('exec', 'bad', 'cloud-init', 'status')).stdout, /status: error/);
  });
});

describe('a machine with systemd', { skip: whyNotNow }, () => {
  for (const suite of ['bullseye', 'bookworm', 'sid']) {
    test(`of Debian ${suite} is running, without a unit that failed, and shuts down`, async (context) => {
      await using engine = await startEngine();
      // What is in preparation is often a little out of date where this runs.
      if (!(await build(engine, context, `debian/${suite}`, suite === 'sid' ? ['--stale-mirror'] : []))) return;
      await engine.must('launch', `debian/${suite}`, 'deb');
      await eventually(
        async () => (await engine.orlop('exec', 'deb', 'systemctl', 'is-system-running')).stdout.trim(),
        (answer) => answer === 'running',
      );
      assert.equal(await engine.must('exec', 'deb', 'systemctl', '--failed', '--plain', '--no-legend'), '');
      await engine.must('stop', 'deb');
      assert.equal(await stateOf(engine, 'deb'), 'exited 0');
    });
  }
});

describe('what people expect of a machine', { skip: whyNotNow }, () => {
  const recipe = {
    name: 'services/trixie',
    suite: 'trixie',
    variants: [
      { name: 'app' },
      {
        name: 'machine',
        base: 'app',
        init: 'systemd',
        default: true,
        packages: ['cron', 'rsyslog', 'openssh-server', 'openssh-client', 'sudo'],
        commands: ['useradd -m -s /bin/bash -G sudo ada', "echo 'ada ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/ada"],
      },
    ],
  };

  test('works inside: cron, syslog, ssh, sudo and apt', async (context) => {
    const templates = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
    context.after(() => execFileSync('rm', ['-r', templates]));
    writeFileSync(join(templates, 'services.json'), JSON.stringify(recipe));
    await using engine = await startEngine(['--templates', templates]);
    if (!(await build(engine, context, 'services/trixie'))) return;
    await engine.must('launch', 'services/trixie', 'box');
    const sh = (script: string): Promise<string> => engine.must('exec', 'box', 'sh', '-ec', script);
    await eventually(
      async () => (await engine.orlop('exec', 'box', 'systemctl', 'is-system-running')).stdout.trim(),
      (answer) => answer === 'running',
    );
    await sh("echo '* * * * * root touch /cron-was-here' > /etc/cron.d/mark");
    await sh('logger -t mark hello && sleep 1 && grep -q "mark.*: hello" /var/log/syslog');
    await sh(
      'install -d -m 700 -o ada -g ada ~ada/.ssh; ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519; cp /root/.ssh/id_ed25519.pub ~ada/.ssh/authorized_keys',
    );
    const words = '-o StrictHostKeyChecking=accept-new -o BatchMode=yes ada@127.0.0.1';
    assert.equal(await sh(`ssh ${words} sudo -n id -u 2>/dev/null`), '0');
    await sh(
      'mkdir -p /p/DEBIAN /p/opt; echo made > /p/opt/made; printf "Package: mark\\nVersion: 1\\nArchitecture: all\\nMaintainer: me\\nDescription: mark\\n" > /p/DEBIAN/control',
    );
    await sh('dpkg-deb -b /p /mark.deb && apt-get install -y /mark.deb && cat /opt/made && apt-get purge -y mark && ! test -e /opt/made');
    await eventually(
      () => sh('ls /'),
      (answer) => answer.includes('cron-was-here'),
      90_000,
    );
  });
});
