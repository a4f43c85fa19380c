import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { TestNamespace } from '../../testing/own-network.ts';

/** What a program says that runs inside a namespace; its complaints and its exit code when it fails. */
export async function runInside(namespace: TestNamespace, command: string, ...args: readonly string[]): Promise<string> {
  const child = spawn('nsenter', [`--net=/proc/${namespace.pid}/ns/net`, command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return code === 0 ? stdout : `${stdout}${stderr}exit ${code}`;
}

/** What dig is told there, at 127.0.0.11. */
export function dig(namespace: TestNamespace, ...args: readonly string[]): Promise<string> {
  return runInside(namespace, 'dig', '@127.0.0.11', '+tries=1', '+timeout=10', ...args);
}
