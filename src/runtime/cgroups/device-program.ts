import { accessBits, type DeviceMatch } from './devices.ts';

/**
 * Device rules as a program of cgroup2 (BPF_PROG_TYPE_CGROUP_DEVICE), which the kernel runs for each mknod and open of a device: 1 allows, 0 is EPERM.
 *
 * An instruction is `struct bpf_insn { u8 code; u8 dst : 4, src : 4; s16 off; s32 imm; }` in the machine's order of bytes, which is little endian wherever
 * we run. The verifier refuses what can never be reached, so nothing may follow a rule that decides everything.
 */
export const instructionBytes = 8;

export const operation = {
  /** BPF_LDX | BPF_MEM | BPF_W: dst = *(u32 *)(src + off) */
  load: 0x61,
  /** BPF_ALU | BPF_MOV | BPF_X */
  copy: 0xbc,
  /** BPF_ALU | BPF_MOV | BPF_K */
  set: 0xb4,
  /** BPF_ALU | BPF_AND | BPF_K */
  and: 0x54,
  /** BPF_ALU | BPF_RSH | BPF_K */
  shiftRight: 0x74,
  /** BPF_JMP | BPF_JA */
  jump: 0x05,
  /** BPF_JMP32 | BPF_JNE | BPF_K */
  jumpUnlessEqual: 0x56,
  /** BPF_JMP32 | BPF_JSET | BPF_K */
  jumpIfAnySet: 0x46,
  /** BPF_JMP | BPF_EXIT: returns r0 */
  exit: 0x95,
} as const;

/** bpf_cgroup_dev_ctx.access_type holds BPF_DEVCG_DEV_* in its low half and the access in its high one. */
export const deviceTypes = { b: 1, c: 2 } as const;

interface Instruction {
  readonly code: number;
  readonly to?: number;
  readonly from?: number;
  /** Of a jump: how many instructions it passes over. Of a load: bytes into the context. */
  readonly offset?: number;
  readonly value?: number;
}

const [verdict, context, type, wanted, major, minor] = [0, 1, 2, 3, 4, 5];

/** r2 … r5 from `struct bpf_cgroup_dev_ctx { u32 access_type; u32 major; u32 minor; }`. */
const beginning: readonly Instruction[] = [
  { code: operation.load, to: type, from: context, offset: 0 },
  { code: operation.copy, to: wanted, from: type },
  { code: operation.and, to: type, value: 0xffff },
  { code: operation.shiftRight, to: wanted, value: 16 },
  { code: operation.load, to: major, from: context, offset: 4 },
  { code: operation.load, to: minor, from: context, offset: 8 },
];

/** The rules of `completeDeviceRules`, compiled: asked from the last to the first, until each wanted access is allowed or one is denied. */
export function compileDeviceProgram(rules: readonly DeviceMatch[]): Uint8Array {
  const program = [...beginning];
  const whole = rules.findLastIndex((rule) => rule.type === 'a');
  for (const rule of rules.slice(whole + 1).toReversed()) program.push(...compileRule(rule));
  program.push(...returns(rules[whole]?.allow === true));
  return encode(program);
}

function compileRule({ allow, type: kind, major: first, minor: second, access }: DeviceMatch): Instruction[] {
  const decision: Instruction[] = allow
    ? [
        { code: operation.and, to: wanted, value: everything & ~access },
        { code: operation.jumpUnlessEqual, to: wanted, value: 0, offset: 2 },
        ...returns(true),
      ]
    : [{ code: operation.jumpIfAnySet, to: wanted, value: access, offset: 1 }, { code: operation.jump, offset: 2 }, ...returns(false)];
  const conditions = [
    ...(kind === 'a' ? [] : [[type, deviceTypes[kind]] as const]),
    ...(first === null ? [] : [[major, first] as const]),
    ...(second === null ? [] : [[minor, second] as const]),
  ];
  const tests = conditions.map(
    ([register, value], index): Instruction => ({
      code: operation.jumpUnlessEqual,
      to: register,
      value,
      offset: decision.length + conditions.length - index - 1,
    }),
  );
  return [...tests, ...decision];
}

const everything = accessBits.m | accessBits.r | accessBits.w;

function returns(allowed: boolean): Instruction[] {
  return [{ code: operation.set, to: verdict, value: allowed ? 1 : 0 }, { code: operation.exit }];
}

function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = Buffer.alloc(program.length * instructionBytes);
  program.forEach(({ code, to = 0, from = 0, offset = 0, value = 0 }, index) => {
    const at = index * instructionBytes;
    bytes.writeUInt8(code, at);
    bytes.writeUInt8(to | (from << 4), at + 1);
    bytes.writeInt16LE(offset, at + 2);
    bytes.writeInt32LE(value | 0, at + 4);
  });
  return bytes;
}
