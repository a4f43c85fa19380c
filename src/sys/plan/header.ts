import { inlineArguments, maximumOps, maximumPlanBytes, maximumSlots, planMagic, planVersion } from './encode.ts';
import { noSlot, opTable, type ArgumentKind, type OpShape } from './table.ts';

const kindLetters: Readonly<Record<ArgumentKind, string>> = {
  u32: 'w',
  u64: 'q',
  i64: 'i',
  slot: 'd',
  string: 's',
  strings: 'v',
  bytes: 'b',
};

/** The text of native/bosun/ops.h: the C view of the table of ops. */
export function formatOpsHeader(): string {
  const shapes = Object.entries<OpShape>(opTable);
  const highest = Math.max(...shapes.map(([, shape]) => shape.code));
  const longest = Math.max(...shapes.map(([, shape]) => Object.keys(shape.args).length));
  return [
    '/* Generated from src/sys/plan/table.ts by native/generate-ops.ts; a test compares the two. */',
    '#ifndef BOSUN_OPS_H',
    '#define BOSUN_OPS_H',
    '',
    '#include <stdint.h>',
    '',
    `#define PLAN_MAGIC 0x${planMagic.toString(16)}u`,
    `#define PLAN_VERSION ${planVersion}u`,
    `#define PLAN_MAXIMUM_BYTES ${maximumPlanBytes}u`,
    `#define PLAN_MAXIMUM_OPS ${maximumOps}u`,
    `#define PLAN_MAXIMUM_SLOTS ${maximumSlots}u`,
    `#define PLAN_INLINE_ARGUMENTS ${inlineArguments}u`,
    `#define NO_SLOT 0x${noSlot.toString(16)}u`,
    `#define OP_LIMIT ${highest + 1}u`,
    '',
    'enum op_code {',
    ...shapes.map(([name, shape]) => `  OP_${name.toUpperCase()} = ${shape.code},`),
    '};',
    '',
    '/* Positions of the arguments. */',
    'enum {',
    ...shapes.flatMap(([name, shape]) =>
      Object.keys(shape.args).map((argument, index) => `  ${name.toUpperCase()}_${argument.toUpperCase()} = ${index},`),
    ),
    '};',
    '',
    '/* w u32, q u64, i i64, d descriptor slot, s string, v strings, b bytes. `by` is m (monitor) or s (stage); 0: no such op. */',
    'struct op_shape {',
    '  char by;',
    '  uint8_t count;',
    `  char kinds[${longest}];`,
    '};',
    '',
    'static const struct op_shape op_shapes[OP_LIMIT] = {',
    ...shapes.map(([name, shape]) => `  [OP_${name.toUpperCase()}] = {${formatShape(shape)}},`),
    '};',
    '',
    '#endif',
    '',
  ].join('\n');
}

function formatShape(shape: OpShape): string {
  const kinds = Object.values(shape.args).map((kind) => `'${kindLetters[kind]}'`);
  return [`'${shape.by === 'monitor' ? 'm' : 's'}'`, String(kinds.length), `{${kinds.length === 0 ? '0' : kinds.join(', ')}}`].join(', ');
}
