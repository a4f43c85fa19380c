import { isOrlopError, OrlopError } from '#errors';
import { openCgroup } from '#runtime';
import { publishContainerEvent, type EngineContext } from '../context.ts';
import { runPs } from './host-ps.ts';
import { requireRunning } from './stop.ts';

/** The container's processes as the host's ps(1) prints them; only lines whose PID is in its cgroup are kept, as Docker does. */
export async function containerTop(
  context: EngineContext,
  ref: string,
  psArguments: string,
): Promise<{ titles: string[]; processes: string[][] }> {
  const container = context.table.find(ref);
  requireRunning(container, ref);
  const wanted = psArguments === '' ? ['-ef'] : psArguments.split(/\s+/).filter((word) => word !== '');
  const members = new Set(openCgroup(context.cgroups, container.record.run?.cgroup ?? '').pids());
  // Some of ps's options cannot be combined with -q.
  const output = await runPs([...wanted, `-q${[...members].join(',')}`]).catch((error: unknown) => {
    if (isOrlopError(error, 'deadline-exceeded')) throw error;
    return runPs(wanted);
  });
  const [header = '', ...lines] = output.split('\n').filter((line) => line !== '');
  const titles = header.trim().split(/\s+/);
  const pidColumn = titles.indexOf('PID');
  if (pidColumn < 0)
    throw new OrlopError('invalid-argument', 'ENGINE_TOP_NO_PID', `Couldn't find PID field in ps output: ps ${wanted.join(' ')}`, {
      hint: 'add pid to the columns',
    });
  const processes = lines.map((line) => splitColumns(line, titles.length)).filter((columns) => members.has(Number(columns[pidColumn])));
  publishContainerEvent(context, container, 'top');
  return { titles, processes };
}

/** The last column takes the rest of the line. */
function splitColumns(line: string, count: number): string[] {
  const words = line.trim().split(/\s+/);
  return words.length <= count ? words : [...words.slice(0, count - 1), words.slice(count - 1).join(' ')];
}
