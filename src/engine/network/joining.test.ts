import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createContainerTable } from '../container/table.ts';
import type { ContainerRecord } from '../container/record.ts';
import type { EngineContext } from '../context.ts';
import { idOf, liveWith, recordWith, requestWith } from '../fixtures/records.ts';
import type { CreateRequest } from '../model.ts';
import { hostFilesOwner, networkOwner } from './joining.ts';

function contextOf(...others: readonly Partial<ContainerRecord>[]): EngineContext {
  const table = createContainerTable();
  for (const [index, change] of others.entries()) table.add(liveWith({ id: idOf(String(index + 1)), name: `c${index + 1}`, ...change }));
  return { table } as unknown as EngineContext;
}

const guest = (request: Partial<CreateRequest> = {}, other = '1'): ContainerRecord =>
  recordWith({ id: idOf('9'), name: 'guest', network: `container:${idOf(other)}`, request: requestWith(request) });

describe('the owner of a shared network', () => {
  const joined = (other: string): Partial<ContainerRecord> => ({ network: `container:${idOf(other)}` });
  const nameOf = (context: EngineContext, record: ContainerRecord): string | null => networkOwner(context, record)?.record.name ?? null;

  test('is at the end of the chain', () => assert.equal(nameOf(contextOf({}, joined('1')), guest({}, '2')), 'c1'));
  test('is nobody for a network of its own', () => assert.equal(nameOf(contextOf({}), recordWith()), null));
  test('is nobody once it is gone, or in a circle', () => {
    assert.equal(nameOf(contextOf(joined('7')), guest()), null);
    assert.equal(nameOf(contextOf(joined('2'), joined('1')), guest()), null);
  });
  test('lends its files unless it is a machine', () => {
    assert.equal(hostFilesOwner(contextOf({}), guest())?.record.name, 'c1');
    assert.equal(hostFilesOwner(contextOf({ kind: 'system' }), guest()), null);
  });
});
