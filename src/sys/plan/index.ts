export { decodePlan } from './decode.ts';
export { encodePlan, maximumSlots } from './encode.ts';
export { noSlot, opTable, type ArgumentKind, type Op, type OpName, type OpShape, type Plan } from './table.ts';
