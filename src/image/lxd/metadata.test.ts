import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { formatPlatform } from '#oci';
import { firstBootFiles, planFirstBoot } from './first-boot.ts';
import { parseMetadata, platformOfArchitecture } from './metadata.ts';

const text = `
architecture: x86_64
creation_date: 1763596800
properties: { os: debian, release: 13, serial: "20251120_0524" }
templates:
  /etc/hostname: { when: [create, copy], template: hostname.tpl }
  /etc/motd: { when: [create], template: motd.tpl, properties: { default: hello } }
`;

describe('metadata.yaml', () => {
  it('says architecture, age, properties as texts, and templates', () => {
    const metadata = parseMetadata(text);
    assert.equal(metadata.creationDate, 1_763_596_800);
    assert.deepEqual(metadata.properties, { os: 'debian', release: '13', serial: '20251120_0524' });
    assert.deepEqual(metadata.templates['/etc/motd'], {
      template: 'motd.tpl',
      when: ['create'],
      createOnly: false,
      properties: { default: 'hello' },
    });
  });

  for (const wrong of [
    '',
    'a: [',
    'architecture: 1',
    'architecture: x\ncreation_date: soon',
    'architecture: x\nproperties: [a]',
    'architecture: x\ntemplates: { /a: { when: create } }',
    'a: &a [*a]',
  ]) {
    it(`${JSON.stringify(wrong)} is refused`, () => {
      assert.throws(
        () => parseMetadata(wrong),
        (error) => isOrlopError(error, 'invalid-argument') && error.code === 'IMAGE_BAD_LXD',
      );
    });
  }

  it('of any kind is metadata or invalid-argument', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (any) => {
        try {
          parseMetadata(any);
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
        }
      }),
    );
  });

  const platforms = {
    x86_64: 'linux/amd64',
    amd64: 'linux/amd64',
    i686: 'linux/386',
    aarch64: 'linux/arm64',
    armv7l: 'linux/arm/v7',
    armhf: 'linux/arm/v7',
    ppc64el: 'linux/ppc64le',
    s390x: 'linux/s390x',
    riscv64: 'linux/riscv64',
  };
  for (const [name, platform] of Object.entries(platforms)) {
    it(`${name} is ${platform}`, () => assert.equal(formatPlatform(platformOfArchitecture(name)), platform));
  }
});

describe("an image's files for the first boot", () => {
  const plan = (templates: object, files: Record<string, string> = {}): string | null =>
    planFirstBoot(parseMetadata(JSON.stringify({ architecture: 'x', templates })), new Map(Object.entries(files)));
  const at = (path: string, when = ['create']): object => ({ [path]: { when, template: 't' } });

  it('are those that the engine does not write by itself, with the name of each container', () => {
    assert.equal(plan(at('/etc/hostname')), null);
    const label = plan(at('/etc/motd', ['create', 'copy']), { t: 'I am {{ container.name }}.' });
    assert.deepEqual(firstBootFiles({ 'orlop.first-boot': label ?? '' }, 'box'), [{ path: '/etc/motd', content: 'I am box.' }]);
    assert.deepEqual(firstBootFiles({}, 'box'), []);
  });

  it('are refused when they are for another time, lie outside, or have no text', () => {
    for (const when of [['start'], ['create', 'start'], ['rename'], []])
      assert.throws(
        () => plan(at('/etc/motd', when), { t: '' }),
        (error) => isOrlopError(error, 'unimplemented') && error.message.includes('/etc/motd'),
      );
    const once = { '/etc/motd': { when: ['create'], template: 't', create_only: true } };
    assert.throws(() => plan(once, { t: '' }), { code: 'IMAGE_LXD_TEMPLATE' });
    for (const path of ['/../etc/x', 'etc/x', '/', '/etc//x']) assert.throws(() => plan(at(path), { t: '' }), { code: 'IMAGE_BAD_LXD' });
    assert.throws(() => plan(at('/etc/motd')), { code: 'IMAGE_BAD_LXD' });
  });

  it('of a label that anybody wrote lead nowhere', () => {
    for (const label of [
      '',
      '{}',
      '[1]',
      '[{"path":"/../x","text":[]}]',
      '[{"path":"/x","text":"y"}]',
      '[{"path":"x","text":[]}]',
      '[{"path":"/x","text":[]},{"path":"/x","text":[]}]',
    ])
      assert.throws(
        () => firstBootFiles({ 'orlop.first-boot': label }, 'box'),
        (error) => isOrlopError(error, 'invalid-argument'),
      );
    assert.deepEqual(firstBootFiles({ 'orlop.first-boot': '[{"path":"/etc/hostname","text":["x"]}]' }, 'box'), []);
  });
});
