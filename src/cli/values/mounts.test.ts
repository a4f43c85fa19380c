import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseArguments, type Arguments } from '../arguments/parse.ts';
import { findCommand } from '../commands/index.ts';
import { mountConfigOf, readMountOptions } from './mounts.ts';

function args(...words: string[]): Arguments {
  const found = findCommand(['run']);
  assert.ok(found !== undefined);
  return parseArguments(found.command, [...words, 'image']);
}

describe('flags about mounts', () => {
  test('none ask for nothing', () => {
    assert.deepEqual(readMountOptions(args(), '/here'), {});
    assert.deepEqual(
      Object.values(mountConfigOf({})).filter((value) => value !== undefined),
      [],
    );
  });

  test('-v binds, names a volume, or makes one; dots are of the working directory', () => {
    const options = readMountOptions(
      args('-v', '/a:/b:ro', '-v', './x:/c', '-v', '..:/up', '-v', 'data:/d', '--volume', '/anonymous'),
      '/here/now',
    );
    assert.deepEqual(mountConfigOf(options).Binds, ['/a:/b:ro', '/here/now/x:/c', '/here:/up', 'data:/d']);
    assert.deepEqual(options.volumes, ['/anonymous']);
  });

  test('--mount is sent in the long form', () => {
    const options = readMountOptions(args('--mount', 'type=tmpfs,target=/t,tmpfs-size=1k', '-v', 'data:/d'), '/here');
    assert.deepEqual(mountConfigOf(options).Mounts, [{ Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1024 } }]);
  });

  test('--volumes-from and --volume-driver are passed on', () => {
    const options = readMountOptions(
      args('--volumes-from', 'a:ro', '--volumes-from', 'b', '--volume-driver', 'local', '-v', 'v:/v'),
      '/here',
    );
    const { Binds: binds, VolumesFrom: from, VolumeDriver: driver } = mountConfigOf(options);
    assert.deepEqual([binds, from, driver, options.mounts?.[0]?.driver], [['v:/v'], ['a:ro', 'b'], 'local', 'local']);
  });

  test('mistakes name the flag', () => {
    assert.throws(() => readMountOptions(args('-v', 'a:b'), '/here'), {
      code: 'CLI_REFUSED_VALUE',
      message: /^invalid volume specification: 'a:b'/,
    });
    assert.throws(() => readMountOptions(args('--mount', 'x'), '/here'), {
      code: 'CLI_USAGE',
      message: /^invalid argument "x" for "--mount" flag: invalid field 'x'/,
    });
  });
});
