import type { InfoBody } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { parseTemplate } from '../render/template.ts';
import { formatBytes } from '../values/size.ts';

export const info: Verb = async ({ args, io, client }) => {
  const facts = await (await client()).info();
  const format = args.text('format');
  if (format === 'json') await write(io.stdout, `${JSON.stringify(facts)}\n`);
  else if (format !== undefined) await write(io.stdout, `${parseTemplate(format).render(facts)}\n`);
  else {
    await write(io.stdout, formatInfo(facts));
    await write(io.stderr, facts.warnings.map((warning) => `WARNING: ${warning}\n`).join(''));
  }
  return exitCodes.ok;
};

function formatInfo(facts: InfoBody): string {
  const { running, paused, stopped } = facts.containers;
  const rows: [string, string][] = [
    ['Engine', `Orlop ${facts.version} (${facts.buildId})`],
    ['Containers', `${running + paused + stopped} (${running} running, ${paused} paused, ${stopped} stopped)`],
    ['Images', String(facts.images)],
    ['Data root', facts.dataRoot],
    ['Exec root', facts.execRoot],
    ['Storage', `${facts.storageDriver}, disk limits by ${facts.diskLimits === 'project-quota' ? 'project quotas' : 'image files'}`],
    ['Cgroups', `${facts.cgroupVersion}, ${facts.cgroupDriver}`],
    ['Host', facts.hostname],
    ['Operating system', facts.operatingSystem],
    ['Kernel', facts.kernel],
    ['Architecture', facts.architecture],
    ['CPUs', String(facts.cpus)],
    ['Memory', formatBytes(facts.memoryBytes)],
  ];
  return rows.map(([name, value]) => `${`${name}:`.padEnd(18)}${value}\n`).join('');
}
