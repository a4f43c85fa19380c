import { openSync } from 'node:fs';
import { join } from 'node:path';
import { loadAddon } from '../load-addon.ts';
import { noSlot } from '../plan/index.ts';
import { spawnMonitor } from './monitor.ts';
import { bosunPath, ownNamespaces, pipes, runPlan } from './test-container.ts';

// What survival.test.ts kills: starts a container in the directory that it is given, says which processes these are, and waits.

const directory = process.argv[2] ?? '';
const script = 'echo ready; i=0; while [ $i -lt 5000 ]; do i=$((i + 1)); echo "line $i"; done; read words; echo "$words"; exit 11';
const monitor = spawnMonitor({ addon: loadAddon(), bosun: bosunPath });
await monitor.sandbox([{ op: 'clone', flags: ownNamespaces, cgroup: noSlot }], []);
const slots = [openSync(join(directory, 'monitor'), 'r'), openSync(join(directory, 'log'), 'a')];
const { pid } = await monitor.run(runPlan(join(directory, 'root'), { argv: ['sh', '-c', script], stdio: pipes(1, 1) }), slots);
process.stdout.write(`${JSON.stringify({ monitor: monitor.pid, pid })}\n`);
await monitor.exited;
