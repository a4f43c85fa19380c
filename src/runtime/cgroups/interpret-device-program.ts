import { instructionBytes, operation } from './device-program.ts';

/** What a process wants to do, as `struct bpf_cgroup_dev_ctx` tells it: type 1 is a block device, 2 a character device; access is a sum of BPF_DEVCG_ACC_*. */
export interface DeviceRequest {
  readonly type: number;
  readonly access: number;
  readonly major: number;
  readonly minor: number;
}

/** Runs a program on one request as the kernel would; true: allowed. Knows the instructions that this room writes, and throws on others. */
export function interpretDeviceProgram(program: Uint8Array, request: DeviceRequest): boolean {
  const bytes = Buffer.from(program.buffer, program.byteOffset, program.byteLength);
  const context = [((request.access << 16) | request.type) >>> 0, request.major >>> 0, request.minor >>> 0];
  const registers = new Uint32Array(11);
  for (let at = 0; at < bytes.length; at += instructionBytes) {
    const code = bytes.readUInt8(at);
    const [to, from] = [bytes.readUInt8(at + 1) & 15, bytes.readUInt8(at + 1) >> 4];
    const [offset, value] = [bytes.readInt16LE(at + 2), bytes.readInt32LE(at + 4) >>> 0];
    const current = registers[to] ?? 0;
    const jump = (taken: boolean): void => void (at += taken ? offset * instructionBytes : 0);
    if (code === operation.exit) return registers[0] !== 0;
    if (code === operation.load) registers[to] = context[offset / 4] ?? 0;
    else if (code === operation.copy) registers[to] = registers[from] ?? 0;
    else if (code === operation.set) registers[to] = value;
    else if (code === operation.and) registers[to] = current & value;
    else if (code === operation.shiftRight) registers[to] = current >>> value;
    else if (code === operation.jump) jump(true);
    else if (code === operation.jumpUnlessEqual) jump(current !== value);
    else if (code === operation.jumpIfAnySet) jump((current & value) !== 0);
    else throw new RangeError(`unknown instruction 0x${code.toString(16)} at ${at / instructionBytes}`);
  }
  throw new RangeError('the program runs past its end');
}
