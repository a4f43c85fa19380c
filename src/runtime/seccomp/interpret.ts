import { decodeProgram } from './bpf.ts';

/** One system call as `struct seccomp_data` shows it to a filter. */
export interface SeccompCall {
  /** AUDIT_ARCH_* of the calling task. */
  readonly arch: number;
  readonly nr: number;
  readonly args: readonly bigint[];
}

/**
 * Runs a filter on one call and returns the kernel's verdict (SECCOMP_RET_* with its data). Knows the instructions that
 * libseccomp and this room write, and throws on others. Used to compare filters and to explain a denial.
 */
export function interpretFilter(filter: Uint8Array, call: SeccompCall): number {
  const program = decodeProgram(filter);
  const data = encodeCall(call);
  let accumulator = 0;
  for (let at = 0; at < program.length; at += 1) {
    const { code, jt, jf, k } = program[at] ?? fault(at, -1);
    switch (code) {
      case 0x20:
        accumulator = data.readUInt32LE(k);
        break;
      case 0x54:
        accumulator = (accumulator & k) >>> 0;
        break;
      case 0x05:
        at += k;
        break;
      case 0x15:
        at += accumulator === k ? jt : jf;
        break;
      case 0x25:
        at += accumulator > k ? jt : jf;
        break;
      case 0x35:
        at += accumulator >= k ? jt : jf;
        break;
      case 0x45:
        at += (accumulator & k) !== 0 ? jt : jf;
        break;
      case 0x06:
        return k;
      default:
        fault(at, code);
    }
  }
  return fault(program.length, -1);
}

function encodeCall({ arch, nr, args }: SeccompCall): Buffer {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(nr >>> 0, 0);
  data.writeUInt32LE(arch >>> 0, 4);
  for (let index = 0; index < 6; index += 1) data.writeBigUInt64LE(BigInt.asUintN(64, args[index] ?? 0n), 16 + index * 8);
  return data;
}

function fault(at: number, code: number): never {
  throw new RangeError(code < 0 ? `filter runs past its end at instruction ${at}` : `unknown instruction 0x${code.toString(16)} at ${at}`);
}
