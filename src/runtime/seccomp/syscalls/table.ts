import { aarch64 } from './aarch64.ts';
import { arm } from './arm.ts';
import { x32 } from './x32.ts';
import { x86_64 } from './x86-64.ts';
import { x86 } from './x86.ts';

/** The system call interfaces that a filter can tell apart, by libseccomp's names in lower case. */
export type Abi = 'x86_64' | 'x86' | 'x32' | 'aarch64' | 'arm';

/** Marks an x32 call on the x86_64 entry (__X32_SYSCALL_BIT). */
export const x32Bit = 0x4000_0000;

const sources: Readonly<Record<Abi, string>> = { x86_64, x86, x32, aarch64, arm };

export type SyscallTable = ReadonlyMap<string, number>;

/** Parses one table: words in order, where a number sets the count and a name takes it and moves it on by one. */
export function parseSyscallTable(text: string, base = 0): SyscallTable {
  const table = new Map<string, number>();
  let next = 0;
  for (const word of text.split(/\s+/)) {
    if (word === '') continue;
    if (/^\d+$/.test(word)) next = Number(word);
    else table.set(word, base + next++);
  }
  return table;
}

/** Names to numbers, as the kernel sees them in `seccomp_data.nr`: an x32 number carries its bit. */
export function syscallTable(abi: Abi): SyscallTable {
  return parseSyscallTable(sources[abi], abi === 'x32' ? x32Bit : 0);
}
