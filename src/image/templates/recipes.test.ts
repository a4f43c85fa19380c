import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isOrlopError } from '#errors';
import { familiarReference, parseReference } from '#oci';
import { createTemplates, templateOfImage, variantOf } from './recipes.ts';

const { list: listTemplates, find: findTemplate, isName: isTemplateName } = createTemplates();

describe('the templates', () => {
  it('have distinct names and image references that can be written as they stand', () => {
    const references = listTemplates().flatMap(({ variants }) => variants.map(({ reference }) => reference));
    assert.equal(new Set(references).size, references.length);
    for (const reference of references) assert.equal(familiarReference(parseReference(reference)), reference);
  });

  it('begin with an app variant without a base and label what the engine wants to know', () => {
    for (const { name, variants } of listTemplates()) {
      assert.deepEqual([variants[0]?.kind, variants[0]?.base], ['app', null], name);
      for (const { kind, init, config } of variants) {
        assert.equal(config.Labels?.['orlop.template'], name);
        assert.equal(config.Labels?.['orlop.kind'] ?? 'app', kind);
        assert.equal(config.Labels?.['orlop.init'] ?? null, init);
        assert.equal(kind === 'system', init !== null && config.StopSignal !== undefined);
      }
    }
  });
});

describe('a template name', () => {
  const chosen = (name: string): string[] => findTemplate(name).variants.map((variant) => variant.reference);

  it('means its default variants, or one variant and its base', () => {
    assert.deepEqual(chosen('debian/trixie'), ['debian:trixie', 'debian:trixie-systemd']);
    assert.deepEqual(chosen('debian/trixie/app'), ['debian:trixie']);
    assert.deepEqual(chosen('debian/trixie/sysvinit'), ['debian:trixie', 'debian:trixie-sysvinit']);
    assert.deepEqual(chosen('debian/sid/slim'), ['debian:sid-slim']);
    assert.deepEqual(chosen('debian/sid/openrc'), ['debian:sid', 'debian:sid-openrc']);
    assert.deepEqual(chosen('busybox'), ['busybox:latest', 'busybox:system']);
  });

  it('means one image for each kind of container', () => {
    assert.equal(variantOf(findTemplate('debian/trixie'), 'system').reference, 'debian:trixie-systemd');
    assert.equal(variantOf(findTemplate('debian/trixie/sysvinit'), 'system').reference, 'debian:trixie-sysvinit');
    assert.equal(variantOf(findTemplate('busybox'), 'app').reference, 'busybox:latest');
    assert.throws(
      () => variantOf(findTemplate('debian/trixie/app'), 'system'),
      (error) => isOrlopError(error, 'failed-precondition'),
    );
  });

  it('that does not exist is refused with what there is', () => {
    for (const name of ['debian', 'debian/potato', 'debian/trixie/upstart', '']) {
      assert.equal(isTemplateName(name), false);
      assert.throws(
        () => findTemplate(name),
        (error) => isOrlopError(error, 'not-found') && error.message.includes(`"${name}"`) && error.hint !== undefined,
      );
    }
    assert.throws(
      () => findTemplate('debian/trixie/upstart'),
      (error) => isOrlopError(error) && (error.hint?.includes('debian/trixie/systemd') ?? false),
    );
  });

  it('is found by the image that it makes', () => {
    assert.equal(templateOfImage('debian:bookworm-systemd'), 'debian/bookworm');
    assert.equal(templateOfImage('debian:bookworm-slim'), 'debian/bookworm/slim');
    assert.equal(templateOfImage('debian/bookworm'), 'debian/bookworm');
    assert.equal(templateOfImage('debian:potato'), null);
  });
});
