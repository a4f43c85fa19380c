import { imageOf, labels, sortedKeys, type ObservedContainer } from '#compose';
import { formatAge, type DockerContainerSummary } from '#wire';
import type { Arguments } from '../../arguments/parse.ts';
import { usageError } from '../../arguments/usage-error.ts';
import { exitCodes } from '../../exit-codes.ts';
import type { Verb } from '../../invocation.ts';
import { write } from '../../io.ts';
import { printJson } from '../../render/json.ts';
import { formatList } from '../../render/list.ts';
import type { Row } from '../../render/template/row.ts';
import { parseFilters } from '../../values/pairs.ts';
import { formatBytes } from '../../values/size.ts';
import { rowOf } from '../ps.ts';
import { formatVolumes } from '../volume.ts';
import { chooseContainers } from './chosen.ts';

const psColumns = ['Name', 'Image', 'Command', 'Service', 'RunningFor', 'Status', 'Ports'];
const psHeaders = { RunningFor: 'CREATED' };

/** `orlop compose ps` */
export const composePs: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const { project, containers } = await chooseContainers(invocation, args.positionals, { oneOff: args.flag('all') });
  const wanted = [...args.list('status'), ...statesOf(args)];
  const known = { ...project.services, ...project.disabled };
  const fits = ({ state, service }: ObservedContainer): boolean =>
    (wanted.length > 0
      ? wanted.includes(state)
      : args.flag('all') || state === 'running' || state === 'restarting' || state === 'paused') &&
    (args.has('orphans') ? args.flag('orphans') || Object.hasOwn(known, service) : true);
  const shown = containers.filter(fits);
  if (args.flag('services')) {
    await write(io.stdout, [...new Set(shown.map(({ service }) => service))].map((name) => `${name}\n`).join(''));
    return exitCodes.ok;
  }
  const all = await (await client()).containers.list({ all: true, filters: { label: [`${labels.project}=${project.name}`] } });
  const summaries = shown.flatMap(({ id }) => all.filter(({ Id }) => Id === id));
  if (args.flag('json')) {
    await printJson(io, summaries);
    return exitCodes.ok;
  }
  const rows = summaries.map((summary) => psRow(summary, args.flag('no-trunc')));
  const text = args.flag('quiet')
    ? summaries.map(({ Id }) => `${Id}\n`).join('')
    : formatList(rows, { format: args.text('format'), columns: psColumns, headers: psHeaders });
  await write(io.stdout, text);
  return exitCodes.ok;
};

/** `--filter status=exited`, the only filter that Compose has. */
function statesOf(args: Arguments): readonly string[] {
  const { status = [], ...others } = parseFilters(args.list('filter'));
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw usageError(`unknown filter ${JSON.stringify(unknown)}: compose ps filters by status`);
  return status;
}

/** The fields of `orlop ps`, and Compose's own. */
function psRow(summary: DockerContainerSummary, whole: boolean): Row {
  const row = rowOf(summary, { whole, nowMs: Date.now() });
  const { Labels, Status, Ports } = summary;
  return {
    ...row,
    Name: row['Names'],
    Service: Labels[labels.service] ?? '',
    Project: Labels[labels.project] ?? '',
    ExitCode: Number(/^Exited \((\d+)\)/.exec(Status)?.[1] ?? 0),
    Health: /\((?:health: )?(starting|healthy|unhealthy)\)$/.exec(Status)?.[1] ?? '',
    Publishers: Ports.map(({ IP = '', PrivatePort, PublicPort = 0, Type }) => ({
      URL: IP,
      TargetPort: PrivatePort,
      PublishedPort: PublicPort,
      Protocol: Type,
    })),
  };
}

/** `orlop compose ls`: projects by the labels of their containers. */
export const composeLs: Verb = async ({ args, io, client }) => {
  const containers = await (await client()).containers.list({ all: true, filters: { label: [labels.project] } });
  const { name: names = [], ...others } = parseFilters(args.list('filter'));
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw usageError(`unknown filter ${JSON.stringify(unknown)}: compose ls filters by name`);
  const projects = Map.groupBy(containers, ({ Labels }) => Labels[labels.project] ?? '');
  const rows = sortedKeys(Object.fromEntries(projects)).flatMap((name) => {
    const own = projects.get(name) ?? [];
    if (names.length > 0 && !names.some((part) => name.includes(part))) return [];
    if (!args.flag('all') && !own.some(({ State }) => State === 'running')) return [];
    const shown = own.filter(({ State }) => args.flag('all') || State === 'running');
    const states = Map.groupBy(shown, ({ State }) => State);
    const status = [...states]
      .map(([state, some]) => `${state}(${some.length})`)
      .toSorted()
      .join(', ');
    return [{ Name: name, Status: status, ConfigFiles: own[0]?.Labels[labels.files] ?? '' }];
  });
  if (args.flag('json') || args.text('format') === 'json') await printJson(io, rows);
  else
    await write(
      io.stdout,
      args.flag('quiet')
        ? rows.map(({ Name }) => `${Name}\n`).join('')
        : formatList(rows, {
            format: args.text('format'),
            columns: ['Name', 'Status', 'ConfigFiles'],
            headers: { ConfigFiles: 'CONFIG FILES' },
          }),
    );
  return exitCodes.ok;
};

/** `orlop compose images` */
export const composeImages: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const { project, containers } = await chooseContainers(invocation);
  const engine = await client();
  const rows = await Promise.all(
    containers.map(async ({ name, service, id }) => {
      const { Image } = await engine.containers.inspect(id);
      const [repository = '', tag = 'latest'] = imageOf(project, service).split(/:(?=[^/]*$)/);
      const image = await engine.images.inspect(Image).catch(() => null);
      return {
        ID: Image,
        ContainerName: name,
        Repository: repository,
        Tag: tag,
        Platform: image === null ? '' : `${image.Os}/${image.Architecture}`,
        Size: image?.Size ?? 0,
        ...(image === null ? {} : { Created: image.Created }),
      };
    }),
  );
  const format = args.text('format');
  if (args.flag('json') || format === 'json') await printJson(io, rows);
  else if (args.flag('quiet')) await write(io.stdout, [...new Set(rows.map(({ ID }) => `${ID.replace('sha256:', '')}\n`))].join(''));
  else {
    const columns = ['ContainerName', 'Repository', 'Tag', 'Platform', 'ID', 'Size', 'Created'];
    await write(io.stdout, formatList(rows.map(imageRow), { format, columns, headers: { ContainerName: 'CONTAINER', ID: 'IMAGE ID' } }));
  }
  return exitCodes.ok;
};

function imageRow({ Created, ...row }: { readonly ID: string; readonly Size: number; readonly Created?: string }): Row {
  const sinceMs = Created === undefined ? null : Math.max(0, Date.now() - Date.parse(Created));
  return {
    ...row,
    ID: row.ID.replace('sha256:', '').slice(0, 12),
    Size: formatBytes(row.Size),
    Created: sinceMs === null ? 'N/A' : `${formatAge(BigInt(Math.floor(sinceMs)) * 1_000_000n)} ago`,
  };
}

/** `orlop compose volumes` */
export const composeVolumes: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const { project, containers } = await chooseContainers(invocation, args.positionals, { oneOff: true });
  const used = new Set(containers.flatMap(({ volumes }) => volumes));
  const own = await (await client()).volumes.list({ filters: { label: [`${labels.project}=${project.name}`] } });
  const shown = args.positionals.length === 0 ? own : own.filter(({ Name }) => used.has(Name));
  if (args.flag('json')) await printJson(io, shown);
  else await write(io.stdout, formatVolumes(shown, { quiet: args.flag('quiet'), format: args.text('format') }));
  return exitCodes.ok;
};
