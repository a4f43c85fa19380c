import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Linux, Spec, SpecMount } from '#oci';
import { type Outcome, openTestBundles, shell } from '../testing/bundles.ts';
import { reasonToSkip } from '../testing/root.ts';
import { exampleSpec } from './commands/spec.ts';

// Each bundle is run by runc and by us, and what a program inside sees of its mounts must be the same.

const runc = spawnSync('runc', ['--version']).status === 0;
const reason = reasonToSkip() || (runc ? false : 'runc is not installed');

/** Place, options, propagation, type, and options of the file system: all of mountinfo that does not differ by chance. */
const report = [
  'cat /proc/self/mountinfo',
  'echo ---',
  'for at in /dev /dev/* /dev/pts/ptmx /a /a/* /b /b/* /proc /sys; do stat -c "%n %F %a %u %g %t %T" $at 2>/dev/null; done',
  'ls -l /dev 2>/dev/null | grep -e "->" | sed "s/.* \\([^ ]* -> .*\\)/\\1/"',
].join('; ');

describe('mounts are as runc makes them', { skip: reason }, () => {
  const skipped = reason !== false;
  const mark = `orlop-mounts-${process.pid}`;
  const bundles = skipped ? (null as never) : openTestBundles(mark);
  const { home } = bundles ?? {};
  const usual = exampleSpec().mounts ?? [];

  after(async () => {
    assert.deepEqual(await bundles.close(), []);
  });

  interface Case {
    readonly mounts?: readonly SpecMount[];
    readonly rest?: Partial<Spec>;
    readonly linux?: Linux;
    readonly script?: string;
    /** Puts things into the root, before each of the two runs. */
    readonly prepare?: () => void;
  }

  function refresh(prepare: () => void): void {
    for (const name of ['a', 'b', 'dev']) rmSync(join(home.root, name), { recursive: true, force: true });
    prepare();
  }

  function place(path: string, mode = 0o755): string {
    const whole = join(home.root, path);
    mkdirSync(whole, { recursive: true });
    chmodSync(whole, mode);
    return whole;
  }

  function compare({ mounts = [], rest = {}, linux = {}, script = '', prepare = () => {} }: Case): string {
    const wishes = {
      process: shell(`${script}\n${report}`),
      rest: { mounts: [...usual, ...mounts], ...rest },
      linux: { resources: {}, ...linux },
    };
    const [ours, theirs] = [{}, { runtime: 'runc' } as const].map((options) => {
      refresh(prepare);
      return bundles.run(wishes, options);
    }) as [Outcome, Outcome];
    assert.deepEqual([ours.code, ours.err], [theirs.code, theirs.err.replaceAll(/^.*level=warning.*\n/gm, '')]);
    assert.deepEqual(normalize(ours.out), normalize(theirs.out));
    return ours.out;
  }

  function source(name: string): string {
    const path = join(home.directory, `host-${name}`);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'file'), 'text');
    mkdirSync(join(path, 'directory'), { recursive: true });
    return path;
  }

  const mount = (destination: string, from: string, ...options: string[]): SpecMount => ({
    destination,
    type: 'bind',
    source: from,
    options,
  });

  test('the usual mounts', () => void compare({}));

  test('each attribute on a bind mount and on a file system of its own', () => {
    const at = source('attributes');
    const names =
      'ro rw nosuid suid nodev dev noexec exec noatime nodiratime relatime strictatime sync async dirsync mand nomand defaults silent loud';
    const options = names.split(' ');
    compare({
      mounts: [
        ...options.map((option) => mount(`/a/${option}`, at, 'bind', option)),
        ...options
          .filter((option) => option !== 'defaults')
          .map((option): SpecMount => ({ destination: `/b/${option}`, type: 'tmpfs', source: 'tmpfs', options: [option] })),
        mount('/a/many', at, 'rbind', 'ro', 'nosuid', 'nodev', 'noexec', 'noatime'),
      ],
    });
  });

  test('a tree below a recursive bind, with attributes for the top and for all of it', () => {
    const at = source('tree');
    bundles.mount(['-t', 'tmpfs', 'below'], join(at, 'directory'));
    compare({
      mounts: [
        mount('/a/one', at, 'bind', 'ro'),
        mount('/a/top', at, 'rbind', 'ro'),
        mount('/a/whole', at, 'rbind', 'rro', 'rnosuid'),
        mount('/b/nothing', at, 'rbind', 'rro', 'rnodev', 'rnoexec', 'rnoatime', 'rnodiratime'),
      ],
    });
  });

  test('what the source is mounted with stays, unless the options say otherwise', () => {
    const at = source('inherit');
    bundles.mount(['-t', 'tmpfs', '-o', 'nosuid,nodev,noexec,noatime', 'inherit'], at);
    mkdirSync(join(at, 'directory'));
    compare({ mounts: [mount('/a/same', at, 'bind'), mount('/a/ro', at, 'bind', 'ro', 'nosuid', 'nodev', 'noexec', 'noatime')] });
  });

  test('propagation of mounts', () => {
    const at = source('propagation');
    bundles.mount(['--bind', at], at);
    bundles.mount(['--make-shared'], at);
    const kinds = ['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared', 'unbindable', 'runbindable'];
    compare({ mounts: kinds.map((kind) => mount(`/a/${kind}`, at, 'rbind', kind)) });
  });

  for (const rootfsPropagation of ['private', 'rprivate', 'slave', 'rslave'] as const)
    test(`a root that is ${rootfsPropagation}`, () => {
      const at = source('root');
      compare({ mounts: [mount('/a/bound', at, 'rbind')], linux: { rootfsPropagation } });
    });

  test('a file is bound on a file that is made for it, and over one that is there', () => {
    const at = source('files');
    writeFileSync(join(home.root, 'there'), 'image');
    const out = compare({
      mounts: [mount('/a/new/file', join(at, 'file'), 'bind', 'ro'), mount('/there', join(at, 'file'), 'rbind')],
      script: 'cat /a/new/file /there; touch /a/new/file 2>&1; ls -l /a/new | wc -l',
    });
    assert.match(out, /^texttext/);
  });

  test('a destination that is not absolute is taken from the root', () => {
    compare({ mounts: [mount('a/relative', source('relative'), 'bind'), mount('./b/../b//dots/.', source('relative'), 'bind')] });
  });

  test('links in the root lead within it', () => {
    const at = source('links');
    compare({
      prepare() {
        place('a/inside');
        symlinkSync('/a/inside', join(home.root, 'a/absolute'));
        symlinkSync('../../../../../../../../a/inside', join(home.root, 'a/climbing'));
        symlinkSync('/a/dangling/deep', join(home.root, 'a/dangles'));
      },
      mounts: ['/a/absolute/x', '/a/climbing/y', '/a/dangles/z'].map((place) => mount(place, at, 'bind')),
      script: 'ls /a/inside /a/dangling/deep',
    });
  });

  test('mounts come one over the other in the order of the list', () => {
    const [one, two] = [source('one'), source('two')];
    writeFileSync(join(two, 'second'), '');
    compare({
      mounts: [
        mount('/a/place', one, 'bind'),
        mount('/a/place', two, 'bind'),
        { destination: '/a/place/directory', type: 'tmpfs', source: 'tmpfs' },
      ],
      script: 'ls /a/place',
    });
  });

  test('a tmpfs with mode, size, owner and a copy of what lay below', () => {
    const tmpfs = (destination: string, ...options: string[]): SpecMount => ({ destination, type: 'tmpfs', source: 'tmpfs', options });
    compare({
      prepare() {
        place('a/copied/deep', 0o700);
        place('a/small', 0o1770);
        writeFileSync(join(home.root, 'a/copied/file'), 'from the image', { mode: 0o640 });
      },
      mounts: [
        tmpfs('/a/small', 'size=32k', 'uid=7', 'gid=8', 'nr_inodes=10'),
        tmpfs('/a/sealed', 'ro', 'nosuid'),
        tmpfs('/a/copied', 'tmpcopyup', 'size=1m'),
      ],
      script: 'cat /a/copied/file; stat -c "%n %a" /a/copied /a/copied/*; touch /a/sealed/x 2>&1; touch /a/copied/x && echo made',
    });
  });

  test('a root that is read-only, and writable mounts in it', () => {
    compare({
      prepare: () => void ['v', 'proc', 'sys', 'dev'].map((name) => place(name)),
      rest: { root: { path: home.root, readonly: true }, mounts: [...usual, mount('/v', source('volume'), 'bind', 'rw')] },
      script: 'touch /x 2>&1; touch /v/x && echo written; touch /dev/x && echo made',
    });
  });

  test('masked and read-only paths: files, directories, missing ones, what lies in /proc', () => {
    compare({
      prepare() {
        writeFileSync(join(place('masked'), 'key'), 'key');
        writeFileSync(join(place('a'), 'token'), 'token');
      },
      linux: {
        maskedPaths: ['/masked', '/a/token', '/not/there', '/proc/kcore', '/proc/scsi', '/proc/version'],
        readonlyPaths: ['/proc/sys', '/a', '/not/there/either'],
      },
      script:
        'ls -A /masked; wc -c </a/token; wc -c </proc/version; echo x 2>&1 >/proc/sys/kernel/domainname; touch /a/x 2>&1; touch /masked/x 2>&1',
    });
  });

  test('devices with their modes and owners, a node that is there already, and a pipe', () => {
    compare({
      linux: {
        devices: [
          { path: '/dev/mine', type: 'c', major: 1, minor: 5, fileMode: 0o640, uid: 3, gid: 4 },
          { path: '/dev/block', type: 'b', major: 7, minor: 0 },
          { path: '/dev/deep/er/one', type: 'u', major: 1, minor: 3, fileMode: 0o666 },
          { path: '/dev/full', type: 'c', major: 1, minor: 7, fileMode: 0o600, uid: 9, gid: 9 },
          { path: '/dev/pipe', type: 'p', fileMode: 0o622 },
        ],
      },
      script: 'stat -c "%n %F %a %u %g" /dev/deep/er /dev/deep/er/one',
    });
  });

  test("the host's /dev, bound, is left as it is", () => {
    const dev = source('dev');
    spawnSync('mknod', ['-m', '666', join(dev, 'null'), 'c', '1', '3']);
    compare({
      rest: { mounts: [...usual.filter(({ destination }) => !destination.startsWith('/dev')), mount('/dev', dev, 'bind')] },
      script: 'ls /dev',
    });
  });

  test('users of their own: owners, devices from the host, attributes', () => {
    const range = [{ containerID: 0, hostID: 400_000, size: 65_536 }];
    const at = source('users');
    compare({
      prepare: () => void ['a/users', 'proc', 'sys', 'dev'].map((name) => place(name)),
      mounts: [mount('/a/users', at, 'rbind', 'ro')],
      linux: {
        namespaces: [...(exampleSpec().linux?.namespaces ?? []), { type: 'user' }],
        uidMappings: range,
        gidMappings: range,
      },
      script: 'stat -c "%u %g" /a/users /a/users/file',
    });
  });
});

/** Numbers that differ by chance become places: the mount that each lies in. */
function normalize(output: string): string[] {
  const lines = output.split('\n');
  const places = new Map(lines.map((line) => [line.split(' ')[0] ?? '', line.split(' ')[4] ?? '']));
  const mounts = lines.filter((line) => line.includes(' - ')).map((line) => normalizeMount(line, places));
  // The directory of message queues belongs to who made the namespace, which with users of their own is another one here.
  return [...mounts.toSorted(), ...lines.filter((line) => !line.includes(' - ') && !line.startsWith('/dev/mqueue '))];
}

function normalizeMount(line: string, places: ReadonlyMap<string, string>): string {
  const [before = '', after = ''] = line.split(' - ');
  const [, parent = '', , root = '', place = '', attributes = '', ...optional] = before.split(' ');
  const [fstype = '', source = '', options = ''] = after.split(' ');
  const peers = optional.map((field) => field.replace(/\d+/, 'N')).join(' ');
  // Masks are stricter than runc's, and so is the tmpfs that holds the hierarchies of v1.
  const mask = fstype === 'tmpfs' && attributes.split(',').includes('ro') && root === '/' && !/^\/[ab]\//.test(place);
  if (mask || place === '/sys/fs/cgroup') return `${place} tmpfs`;
  // Later versions than 1.1 give it as an option, as we do; the permissions themselves are compared below.
  const said = /^\/[ab]\//.test(place) ? options.replace(/,mode=\d+/, '') : options;
  const host = root
    .replaceAll(/orlop-mounts-\d+(-\d+)?/g, 'id')
    .replace(/^.*host-/, '')
    .replace(/^.*\/rootfs/, '/');
  return [places.get(parent) ?? 'outside', host, place, attributes, peers, fstype, source, said].join(' ');
}
