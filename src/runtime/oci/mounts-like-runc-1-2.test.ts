import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { IdMapping, Linux, SpecMount } from '#oci';
import { type CallOptions, openTestBundles, type Outcome, shell } from '../testing/bundles.ts';
import { reasonToSkip } from '../testing/root.ts';
import { exampleSpec } from './commands/spec.ts';

// What runtime-spec 1.2 asks of mounts and older versions of runc, which could be run beside us, do not do.

describe('mounts of runtime-spec 1.2', { skip: reasonToSkip() }, () => {
  const skipped = reasonToSkip() !== false;
  const bundles = skipped ? (null as never) : openTestBundles(`orlop-mounts-new-${process.pid}`);
  const { home } = bundles ?? {};
  const usual = exampleSpec().mounts ?? [];
  const own: IdMapping[] = [{ containerID: 0, hostID: 400_000, size: 65_536 }];
  const users: Linux = {
    namespaces: [...(exampleSpec().linux?.namespaces ?? []), { type: 'user' }],
    uidMappings: own,
    gidMappings: own,
  };

  after(async () => {
    assert.deepEqual(await bundles.close(), []);
  });

  function run(mounts: readonly SpecMount[], script: string, linux: Linux = {}, options: CallOptions = {}): Outcome {
    // Who is root in its own namespace alone cannot make directories in a root that is the host's.
    for (const name of ['proc', 'sys', 'dev', 'm', 'n']) mkdirSync(join(home.root, name), { recursive: true });
    return bundles.run(
      { process: { ...shell(script), rlimits: [] }, rest: { mounts: [...usual, ...mounts] }, linux: { resources: {}, ...linux } },
      options,
    );
  }

  /** A directory with files of these owners, and of another one in a mount of its own below it. */
  function source(name: string, owners: readonly number[] = []): string {
    const path = join(home.directory, `host-${name}`);
    mkdirSync(join(path, 'below'), { recursive: true });
    chmodSync(path, 0o777);
    for (const owner of owners) {
      writeFileSync(join(path, `of-${owner}`), '', { mode: 0o666 });
      chownSync(join(path, `of-${owner}`), owner, owner);
    }
    return path;
  }

  const bind = (from: string, options: readonly string[], rest: Partial<SpecMount> = {}): SpecMount => ({
    destination: '/m',
    type: 'bind',
    source: from,
    options: ['bind', ...options],
    ...rest,
  });
  const idsOf = 'cd /m; for f in of-*; do stat -c "%n %u %g" $f; done';

  test('ids of a mount are mapped without a user namespace, each by its own map', () => {
    const at = source('plain', [0, 7, 1000]);
    const uidMappings = [{ containerID: 0, hostID: 5000, size: 10 }];
    const gidMappings = [
      { containerID: 0, hostID: 6000, size: 1 },
      { containerID: 7, hostID: 70, size: 1 },
    ];
    const { out, err } = run([bind(at, ['idmap'], { uidMappings, gidMappings })], idsOf);
    assert.equal(out, 'of-0 5000 6000\nof-1000 65534 65534\nof-7 5007 70\n', err);
  });

  test('what a mapped mount creates belongs to the mapped id on disk', () => {
    const at = source('created');
    chownSync(at, 33, 33);
    const map = [{ containerID: 33, hostID: 0, size: 1 }];
    assert.equal(run([bind(at, [], { uidMappings: map, gidMappings: map })], 'touch /m/made').err, '');
    assert.deepEqual([statSync(join(at, 'made')).uid, statSync(join(at, 'made')).gid], [33, 33]);
  });

  test("in a user namespace the same map as the container's shows owners as they are on disk, and another one others", () => {
    const at = source('users', [0, 7]);
    assert.equal(run([bind(at, ['idmap'], { uidMappings: own, gidMappings: own })], idsOf, users).out, 'of-0 0 0\nof-7 7 7\n');
    const shifted = [{ containerID: 0, hostID: 400_100, size: 100 }];
    assert.equal(
      run([bind(at, ['idmap'], { uidMappings: shifted, gidMappings: shifted })], idsOf, users).out,
      'of-0 100 100\nof-7 107 107\n',
    );
    assert.equal(run([bind(at, [])], idsOf, users).out, 'of-0 65534 65534\nof-7 65534 65534\n');
  });

  test('without mappings of its own a mount takes those of the container, which must have some', () => {
    const at = source('bare', [0]);
    assert.equal(run([bind(at, ['idmap'])], idsOf, users).out, 'of-0 0 0\n');
    const { code, err } = run([bind(at, ['idmap'])], 'true');
    assert.deepEqual([code, /mounts\[\d+\]\.options ask for mapped ids and there are no mappings/.test(err)], [1, true], err);
  });

  for (const limit of [64, 1024])
    test(`hundreds of mounts with ids of their own, where ${limit} files may be open`, () => {
      const map = [{ containerID: 0, hostID: 400_100, size: 100 }];
      // Each shows another file, of which the first, those about the ends of batches and the last are looked at.
      const at = source('hundreds');
      const mounts = Array.from({ length: 500 }, (_unused, index) => {
        writeFileSync(join(at, `of-${index}`), String(index));
        chownSync(join(at, `of-${index}`), index % 100, 0);
        return bind(join(at, `of-${index}`), ['ro'], { destination: `/n/${index}`, uidMappings: map, gidMappings: map });
      });
      const looked = [0, 15, 16, 23, 24, 199, 200, 327, 328, 499];
      const script = `ls /n | wc -l; cd /n; for i in ${looked.join(' ')}; do echo $i $(cat $i) $(stat -c %u $i); done`;
      const wrapper = ['prlimit', `--nofile=${limit}`];
      const expected = (shift: number) => `500\n${looked.map((index) => `${index} ${index} ${(index % 100) + shift}\n`).join('')}`;
      const tmpfs = { destination: '/n', type: 'tmpfs' };
      assert.deepEqual(run([tmpfs, ...mounts], script, users, { wrapper }), { code: 0, out: expected(100), err: '' });
      assert.deepEqual(run([tmpfs, ...mounts], script, {}, { wrapper }), { code: 0, out: expected(400_100), err: '' });
    });

  test('ridmap maps the whole tree, idmap its top alone', () => {
    const at = source('tree', [0]);
    bundles.mount(['-t', 'tmpfs', 'below'], join(at, 'below'));
    const map = [{ containerID: 0, hostID: 5000, size: 10 }];
    const script = 'stat -c "%u" /m/of-0 /m/below';
    const rbind = (option: string) => ({ ...bind(at, ['rbind', option], { uidMappings: map, gidMappings: map }) });
    assert.equal(run([rbind('idmap')], script).out, '5000\n0\n');
    assert.equal(run([rbind('ridmap')], script).out, '5000\n5000\n');
  });

  test('mappings that cannot be are refused by name', () => {
    const at = source('refused');
    const good = [{ containerID: 0, hostID: 5000, size: 10 }];
    const cases: [Partial<SpecMount>, RegExp][] = [
      [{ uidMappings: good }, /invalid mount: id-mapped mounts must have both uid and gid mappings specified/],
      [{ uidMappings: good, gidMappings: [{ containerID: 0, hostID: 0, size: 0 }] }, /mounts\[\d+\]\.gidMappings are no mappings/],
      [{ uidMappings: [...good, ...good], gidMappings: good }, /mounts\[\d+\]\.uidMappings are no mappings/],
      [
        { uidMappings: good, gidMappings: good, type: 'tmpfs', options: ['idmap'] },
        /invalid mount: id-mapped mounts are only supported for bind-mounts/,
      ],
    ];
    for (const [rest, message] of cases) {
      const { code, err } = run([bind(at, ['idmap'], rest)], 'true');
      assert.deepEqual([code, message.test(err)], [1, true], err);
    }
  });

  const propagationOf = 'awk \'$5=="/"||$5=="/m" {print $5, $7}\' /proc/self/mountinfo';
  // What the mount has of the host's depends on whether the host's is shared, as systemd makes it.
  const rootKinds: [Linux['rootfsPropagation'], RegExp][] = [
    ['shared', /^\/ shared:\d+\n\/m (-|shared:\d+)\n$/],
    ['rshared', /^\/ shared:\d+\n\/m shared:\d+\n$/],
    ['unbindable', /^\/ unbindable\n\/m (-|master:\d+)\n$/],
    ['runbindable', /^\/ unbindable\n\/m unbindable\n$/],
  ];
  for (const [rootfsPropagation, expected] of rootKinds)
    test(`a root that is ${rootfsPropagation}`, () => {
      const { out, err } = run([bind(source('root'), [])], propagationOf, rootfsPropagation === undefined ? {} : { rootfsPropagation });
      assert.match(out, expected, err);
    });

  const attributesOf = (place: string): string => `awk '$5=="${place}" {print $6}' /proc/self/mountinfo`;

  test('a bind mount that names flags has these alone, but for the access time', () => {
    const at = source('flags');
    bundles.mount(['-t', 'tmpfs', '-o', 'nosuid,nodev,ro,noatime', 'flags'], at);
    assert.equal(run([bind(at, [])], attributesOf('/m')).out, 'ro,nosuid,nodev,noatime\n');
    assert.equal(run([bind(at, ['ro'])], attributesOf('/m')).out, 'ro,noatime\n');
    assert.equal(run([bind(at, ['noexec', 'suid', 'rw'])], attributesOf('/m')).out, 'rw,noexec,noatime\n');
    assert.equal(run([bind(at, ['dev', 'relatime'])], attributesOf('/m')).out, 'rw,relatime\n');
  });

  test('in a user namespace flags of the source hold, more can be added, and who wants one away is refused', () => {
    const at = source('locked');
    bundles.mount(['-t', 'tmpfs', '-o', 'nosuid,nodev,mode=777', 'locked'], at);
    assert.equal(run([bind(at, ['ro'])], attributesOf('/m'), users).out, 'ro,nosuid,nodev,relatime\n');
    for (const option of ['suid', 'dev', 'noatime', 'nodiratime']) {
      const { code, err } = run([bind(at, ['ro', option])], 'true', users);
      assert.deepEqual([code, /error mounting .*host-locked.* to rootfs at .*\/m.*: operation not permitted/.test(err)], [1, true], err);
    }
  });

  test('who may mount in a user namespace cannot take flags off, neither those of the host nor those of the spec', () => {
    const at = source('sealed');
    bundles.mount(['-t', 'tmpfs', '-o', 'nosuid,mode=777', 'sealed'], at);
    writeFileSync(join(at, 'file'), '');
    const all = ['CAP_SYS_ADMIN', 'CAP_DAC_OVERRIDE'];
    for (const name of ['proc', 'sys', 'dev', 'm', 'n']) mkdirSync(join(home.root, name), { recursive: true });
    writeFileSync(join(home.root, 'n/f'), '');
    const { out, err } = bundles.run({
      process: {
        ...shell(
          'for o in rw suid; do busybox mount -o remount,bind,$o /m; done; busybox mount -o remount,bind,rw /n/f; echo >/m/file; echo >/n/f',
        ),
        capabilities: { bounding: all, effective: all, permitted: all },
      },
      rest: { mounts: [...usual, bind(at, ['ro']), { ...bind(join(at, 'file'), ['ro']), destination: '/n/f' }] },
      linux: { resources: {}, ...users },
    });
    assert.equal(out, '');
    assert.equal(err.match(/permission denied|not permitted/gi)?.length, 3, err);
    assert.equal(err.match(/Read-only file system/g)?.length, 2, err);
  });

  test('nor off any of hundreds of mounts', () => {
    const at = source('sealed-hundreds');
    const all = ['CAP_SYS_ADMIN'];
    const mounts = Array.from({ length: 230 }, (_, index) => ({ ...bind(at, ['ro']), destination: `/m/${index}` }));
    const { out, err } = bundles.run({
      process: {
        ...shell(
          'for i in 0 198 199 200 229; do busybox mount -o remount,bind,rw /m/$i && echo $i; done; grep -c " /m/[0-9]* ro" /proc/self/mountinfo',
        ),
        capabilities: { bounding: all, effective: all, permitted: all },
      },
      rest: { mounts: [...usual, { destination: '/m', type: 'tmpfs', source: 'tmpfs' }, ...mounts] },
      linux: { resources: {}, ...users },
    });
    assert.equal(out, '230\n', err);
    assert.equal(err.match(/permission denied|not permitted/gi)?.length, 5, err);
  });

  test('remount changes what an earlier mount of the list has made', () => {
    const at = source('remount');
    const again = (options: readonly string[]): SpecMount => ({ destination: '/m', options: ['remount', ...options] });
    assert.equal(run([bind(at, ['nosuid']), again(['bind', 'ro'])], attributesOf('/m')).out, 'ro,nosuid,relatime\n');
    const tmpfs: SpecMount = { destination: '/m', type: 'tmpfs', source: 'tmpfs', options: ['size=64k'] };
    const { out, err } = run(
      [tmpfs, { ...again(['size=128k', 'noexec']), type: 'tmpfs' }],
      'awk \'$5=="/m" {print $6, $NF}\' /proc/self/mountinfo',
    );
    assert.equal(
      out,
      'rw,noexec,relatime rw,size=128k,mode=755,inode64\n'.replace(',inode64', out.includes('inode64') ? ',inode64' : ''),
      err,
    );
  });

  test('a tmpfs with permissions of its own has these, whatever lay in its place', () => {
    chmodSync(join(home.root, 'n'), 0o700);
    const at = (options: string[]): SpecMount => ({ destination: '/n', type: 'tmpfs', source: 'tmpfs', options });
    assert.equal(run([at(['mode=1750'])], 'stat -c %a /n').out, '1750\n');
    // As an option, too, where programs look for it.
    assert.match(run([at([])], 'stat -c %a /n; grep " /n " /proc/self/mounts').out, /^700\ntmpfs \/n tmpfs \S*\bmode=700\b/);
  });

  test('a source in the root is what earlier mounts have made of it, and a destination may begin with the path of the root', () => {
    const at = source('ordered');
    writeFileSync(join(at, 'below/file'), 'found\n');
    const outside = (name: string): string => join(home.root, name);
    const inside = (options: readonly string[]): SpecMount[] => [
      bind(join(at, 'below'), []),
      bind(outside('m'), options, { destination: outside('n') }),
    ];
    assert.equal(run(inside(['rbind']), 'cat /n/file').out, 'found\n');
    assert.equal(run(inside([]), 'cat /n/file', users).out, 'found\n');
    assert.equal(run(inside(['ro']), `cat /n/file; ${attributesOf('/n')}`).out, 'found\nro,relatime\n');
    const file = [bind(join(at, 'below/file'), [], { destination: '/m/one' }), bind(outside('m/one'), [], { destination: '/m/two' })];
    assert.equal(run(file, 'cat /m/two').out, 'found\n');
    const mapped = [{ containerID: 0, hostID: 77, size: 1 }];
    const owner = run(
      [bind(join(at, 'below'), []), bind(outside('m'), [], { destination: '/n', uidMappings: mapped, gidMappings: mapped })],
      'stat -c %u /n/file',
    );
    assert.equal(owner.out, '77\n', owner.err);
  });

  test('in a user namespace, too, a source in the root is what earlier mounts have made of it when its ids are mapped', () => {
    const at = source('ordered-users');
    bundles.mount(['-t', 'tmpfs', 'below'], join(at, 'below'));
    writeFileSync(join(at, 'below/file'), '');
    const map = [{ containerID: 0, hostID: 400_007, size: 1 }];
    const mounts = (option: string): SpecMount[] => [
      bind(at, ['rbind']),
      bind(join(home.root, 'm'), ['rbind', option], { destination: '/n', uidMappings: map, gidMappings: map }),
    ];
    const script = 'stat -c "%u %g" /n/below/file /n; stat -c %u /m/below/file';
    assert.deepEqual(run(mounts('ridmap'), script, users), { code: 0, out: '7 7\n7 7\n65534\n', err: '' });
    assert.deepEqual(run(mounts('idmap'), script, users), { code: 0, out: '65534 65534\n7 7\n65534\n', err: '' });
    bundles.mount(['-t', 'proc', 'proc'], join(at, 'below'));
    const { code, err } = run(mounts('ridmap'), 'true', users);
    bundles.umount(join(at, 'below'));
    assert.deepEqual([code, /error mounting .*invalid argument/.test(err)], [1, true], err);
  });

  test('a link of the root leads a source in it to nothing of the host', () => {
    symlinkSync('/etc', join(home.root, 'm/link'));
    const { code, err } = run(
      [bind(source('linked'), [], { destination: '/m/link' }), bind(join(home.root, 'm/link/passwd'), [], { destination: '/n/passwd' })],
      'true',
    );
    assert.deepEqual([code, /error mounting/.test(err)], [1, true], err);
    rmSync(join(home.root, 'm/link'));
  });

  test('a thousand bind mounts are no more trouble than one', () => {
    const at = source('many');
    writeFileSync(join(at, 'file'), '');
    const many = Array.from({ length: 1000 }, (_, index): SpecMount => {
      const file = index % 2 === 0;
      return {
        destination: `/m/${index}`,
        type: 'bind',
        source: file ? join(at, 'file') : at,
        options: ['rbind', 'ro', 'nosuid', 'rprivate'],
      };
    });
    const script = 'grep -c " /m/[0-9]* ro,nosuid,relatime - " /proc/self/mountinfo; ls /m/999';
    const { out, err } = run([{ destination: '/m', type: 'tmpfs', source: 'tmpfs' }, ...many], script);
    assert.equal(out, '1000\nbelow\nfile\n', err);
  });

  test('an overlay may have more layers than fit into 255 bytes', () => {
    const layers = Array.from({ length: 9 }, (_, index) => source(`layer-with-a-name-that-takes-some-room-${index}`));
    layers.forEach((layer, index) => writeFileSync(join(layer, `file-${index}`), ''));
    const overlay: SpecMount = {
      destination: '/m',
      type: 'overlay',
      source: 'overlay',
      options: ['ro', 'nosuid', `lowerdir=${layers.join(':')}`],
    };
    const { out, err } = run([overlay], `ls /m | wc -l; ${attributesOf('/m')}`);
    assert.equal(out, '10\nro,nosuid,relatime\n', err);
  });

  test('no link is followed within a mount that says so', () => {
    const at = source('links');
    symlinkSync('/etc', join(at, 'link'));
    assert.match(run([bind(at, ['nosymfollow'])], 'ls /m/link/ 2>&1').out, /symbolic links/);
  });
});
