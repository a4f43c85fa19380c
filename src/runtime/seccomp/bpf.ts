/**
 * Classic BPF as seccomp(2) takes it: `struct sock_filter { u16 code; u8 jt; u8 jf; u32 k; }`, little endian.
 *
 * The program is written from its end to its beginning. Jumps only go forward in classic BPF, so each target is already there
 * when its jump is written and every distance is known at once. A label is a position counted from the end.
 */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

export const opcode = {
  /** BPF_LD | BPF_W | BPF_ABS */
  load: 0x20,
  /** BPF_ALU | BPF_AND | BPF_K */
  and: 0x54,
  /** BPF_JMP | BPF_JA */
  jump: 0x05,
  /** BPF_JMP | BPF_JEQ | BPF_K */
  equal: 0x15,
  /** BPF_JMP | BPF_JGT | BPF_K */
  greater: 0x25,
  /** BPF_JMP | BPF_JGE | BPF_K */
  greaterOrEqual: 0x35,
  /** BPF_RET | BPF_K */
  return: 0x06,
} as const;

export type Test = 'equal' | 'greater' | 'greaterOrEqual';
export type Label = number;

/** BPF_MAXINSNS. */
export const maxInstructions = 4096;
const farthest = 255;

export interface Assembler {
  /** A place that returns `value`. */
  returns(value: number): Label;
  /** Compares the accumulator with `k`. */
  branch(test: Test, k: number, whenTrue: Label, whenFalse: Label): Label;
  /** Loads the word at `offset` of seccomp_data, then goes on with `next`. */
  load(offset: number, next: Label): Label;
  /** Masks the accumulator, then goes on with `next`. */
  and(mask: number, next: Label): Label;
  /** How many instructions there are so far. */
  readonly length: number;
  finish(): Uint8Array;
}

export function createAssembler(): Assembler {
  const reversed: Instruction[] = [];
  const returned = new Map<number, Label>();
  const put = (code: number, k: number, jt = 0, jf = 0): Label => reversed.push({ code, jt, jf, k: k >>> 0 }) - 1;

  /** A place that continues at `target` and that a conditional jump written next, or next but one, still reaches. */
  const within = (target: Label): Label => {
    if (reversed.length + 1 - target <= farthest) return target;
    const instruction = reversed[target];
    if (instruction?.code === opcode.return) return put(opcode.return, instruction.k);
    return put(opcode.jump, reversed.length - target - 1);
  };

  /** Makes `target` what an instruction written now falls into. */
  const fallInto = (target: Label): void => {
    if (target !== reversed.length - 1) put(opcode.jump, reversed.length - target - 1);
  };

  return {
    returns(value) {
      const near = returned.get(value);
      if (near !== undefined && reversed.length - near < farthest - 2) return near;
      const label = put(opcode.return, value);
      returned.set(value, label);
      return label;
    },
    branch(test, k, whenTrue, whenFalse) {
      const [yes, no] = [within(whenTrue), within(whenFalse)];
      return put(opcode[test], k, reversed.length - yes - 1, reversed.length - no - 1);
    },
    load(offset, next) {
      fallInto(next);
      return put(opcode.load, offset);
    },
    and(mask, next) {
      fallInto(next);
      return put(opcode.and, mask);
    },
    get length() {
      return reversed.length;
    },
    finish: () => encodeProgram(reversed.toReversed()),
  };
}

export function encodeProgram(program: readonly Instruction[]): Uint8Array {
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(({ code, jt, jf, k }, index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(jt, index * 8 + 2);
    bytes.writeUInt8(jf, index * 8 + 3);
    bytes.writeUInt32LE(k, index * 8 + 4);
  });
  return bytes;
}

export function decodeProgram(filter: Uint8Array): Instruction[] {
  const bytes = Buffer.from(filter.buffer, filter.byteOffset, filter.byteLength);
  return Array.from({ length: Math.floor(bytes.length / 8) }, (_, index) => ({
    code: bytes.readUInt16LE(index * 8),
    jt: bytes.readUInt8(index * 8 + 2),
    jf: bytes.readUInt8(index * 8 + 3),
    k: bytes.readUInt32LE(index * 8 + 4),
  }));
}
