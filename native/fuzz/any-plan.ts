import fc from 'fast-check';
import { noSlot, opTable, type ArgumentKind, type Op, type OpShape, type Plan } from '#sys';

/** As many descriptors travel with such a plan (SLOTS in harness.c). */
export const planSlots = 5;

/** Plans that encode, of every op, with arguments of all kinds. */
export function anyPlan(): fc.Arbitrary<Plan> {
  const ops = Object.entries<OpShape>(opTable).map(([name, shape]) =>
    fc
      .record(Object.fromEntries(Object.entries(shape.args).map(([argument, kind]) => [argument, anyArgument(kind)])))
      .map((values) => ({ op: name, ...values }) as unknown as Op),
  );
  return fc.array(fc.oneof(...ops), { minLength: 1, maxLength: 12 });
}

function anyArgument(kind: ArgumentKind): fc.Arbitrary<unknown> {
  const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map((value) => value.replaceAll('\0', ''));
  const arbitraries: Readonly<Record<ArgumentKind, fc.Arbitrary<unknown>>> = {
    u32: fc.integer({ min: 0, max: 0xffff_ffff }),
    u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    i64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    slot: fc.oneof(fc.constant(noSlot), fc.integer({ min: 0, max: planSlots - 1 })),
    string: text,
    strings: fc.array(text, { maxLength: 8 }),
    bytes: fc.uint8Array({ maxLength: 40 }),
  };
  return arbitraries[kind];
}
