import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planSeed } from './cloud-init.ts';

describe('a NoCloud seed', () => {
  it('tells the instance and the name, does nothing, and leaves the network alone', () => {
    assert.deepEqual(planSeed({ instanceId: 'i', hostname: 'box' }), {
      'meta-data': '{\n  "instance-id": "i",\n  "local-hostname": "box"\n}\n',
      'user-data': '#cloud-config\n{}\n',
      'network-config': 'version: 1\nconfig: disabled\n',
    });
  });

  it("has the user's data as it is, and the user's facts before ours", () => {
    const seed = planSeed({
      instanceId: 'i',
      hostname: 'box',
      userData: '#!/bin/sh\n',
      metaData: { 'instance-id': 'mine', role: ['db'] },
      networkConfig: 'version: 2',
    });
    assert.deepEqual(JSON.parse(seed['meta-data'] ?? ''), { 'instance-id': 'mine', 'local-hostname': 'box', role: ['db'] });
    assert.deepEqual([seed['user-data'], seed['network-config']], ['#!/bin/sh\n', 'version: 2']);
  });
});
