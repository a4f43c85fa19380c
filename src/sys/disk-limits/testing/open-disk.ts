/** Run by a test in a process of its own: `node open-disk.ts ROOT PLACE` opens the disk of a place, says so, and waits to be killed. */
import { loadAddon } from '../../load-addon.ts';
import { createDiskLimits } from '../limits.ts';

const [root = '', place = ''] = process.argv.slice(2);
const disk = await createDiskLimits(loadAddon(), root).open(place);
process.send?.(disk === null ? 'there is none' : 'open');
setTimeout(() => undefined, 600_000);
