import assert from 'node:assert/strict';
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { loadAddon } from '#sys';
import { detectInit, findInit } from './detect.ts';
import type { InitSystem } from './types.ts';

const addon = loadAddon();

type Tree = Readonly<Record<string, string | { readonly to: string }>>;

/** What a root with these files and links would boot with. */
function detectIn(tree: Tree): InitSystem | null {
  const root = mkdtempSync(join(tmpdir(), 'orlop-init-'));
  try {
    for (const [path, what] of Object.entries(tree)) {
      mkdirSync(join(root, dirname(path)), { recursive: true });
      if (typeof what === 'string') writeFileSync(join(root, path), what);
      else symlinkSync(what.to, join(root, path));
    }
    const descriptor = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      return detectInit(addon, descriptor);
    } finally {
      closeSync(descriptor);
    }
  } finally {
    rmSync(root, { recursive: true });
  }
}

describe('the init of a root', () => {
  const cases: readonly [string, Tree, InitSystem | null][] = [
    [
      'Debian with systemd',
      { 'usr/lib/systemd/systemd': 'ELF', 'usr/sbin/init': { to: '../lib/systemd/systemd' }, sbin: { to: 'usr/sbin' } },
      'systemd',
    ],
    ['an absolute link', { 'lib/systemd/systemd': 'ELF', 'sbin/init': { to: '/lib/systemd/systemd' } }, 'systemd'],
    ['systemd without a link to it', { 'usr/lib/systemd/systemd': 'ELF' }, 'systemd'],
    ['Alpine', { 'bin/busybox': 'ELF BusyBox v1.36', 'sbin/init': { to: '/bin/busybox' }, 'sbin/openrc': 'ELF' }, 'busybox'],
    ['a copy of busybox', { 'sbin/init': 'ELF … BusyBox v1.36.1 …' }, 'busybox'],
    ['sysvinit', { 'sbin/init': 'ELF … INIT: version %s booting …' }, 'sysvinit'],
    ['openrc-init', { 'sbin/openrc-init': 'ELF', 'sbin/init': { to: 'openrc-init' } }, 'openrc'],
    ['runit by link', { 'usr/bin/runit-init': 'ELF', 'sbin/init': { to: '../usr/bin/runit-init' } }, 'runit'],
    ['a script for s6', { 'sbin/init': '#!/bin/sh\nexec s6-svscan -t0 /run/service\n' }, 's6'],
    ['what s6-linux-init-maker writes', { 'sbin/init': '#!/bin/execlineb -S0\ns6-linux-init -c /etc/s6 -- $@\n' }, 's6'],
    [
      'a link through a link',
      { 'sbin/init': { to: 'first' }, 'sbin/first': { to: '/opt/second' }, 'opt/second': { to: '../bin/busybox' }, 'bin/busybox': 'ELF' },
      'busybox',
    ],
    ['an app image', { 'bin/sh': 'ELF' }, null],
    ['an unknown program', { 'sbin/init': '#!/bin/sh' }, null],
    ['a link to nothing', { 'sbin/init': { to: '/lib/systemd/systemd' } }, null],
    ['links in a circle', { 'sbin/init': { to: 'other' }, 'sbin/other': { to: 'init' } }, null],
    ['a directory in its place', { 'sbin/init/x': 'y' }, null],
    ['a file where a directory should be', { sbin: 'x' }, null],
  ];
  for (const [name, tree, expected] of cases) it(`is ${expected ?? 'unknown'} for ${name}`, () => assert.equal(detectIn(tree), expected));

  it('is looked for inside the root only, wherever its links point', () => {
    const outside = mkdtempSync(join(tmpdir(), 'orlop-outside-'));
    try {
      writeFileSync(join(outside, 'program'), 'BusyBox v1.36');
      assert.equal(detectIn({ 'sbin/init': { to: join(outside, 'program') } }), null);
      assert.equal(detectIn({ 'sbin/init': { to: `../../../../../../${join(outside, 'program')}` } }), null);
    } finally {
      rmSync(outside, { recursive: true });
    }
  });

  it('is told by the program itself', { skip: existsSync('/bin/busybox') ? false : 'busybox-static is not installed' }, () => {
    const root = mkdtempSync(join(tmpdir(), 'orlop-init-'));
    mkdirSync(join(root, 'sbin'));
    copyFileSync('/bin/busybox', join(root, 'sbin/init'));
    const descriptor = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
    assert.equal(detectInit(addon, descriptor), 'busybox');
    assert.deepEqual(findInit(addon, descriptor), { init: 'busybox', path: '/sbin/init' });
    closeSync(descriptor);
    rmSync(root, { recursive: true });
  });
});
