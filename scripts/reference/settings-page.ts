import { deviceTypes, settingKeys } from '#wire';
import { cell, codeCell, formatSection, formatTable, generated } from './markdown.ts';
import { clientVariables, engineVariables, launcherVariables, runtimeVariables } from './environment.ts';

/** What containers can be set to, and what devices they can be given, as Markdown. Pure. */
export function formatSettingsPage(): string {
  const keys = settingKeys.map(({ name, isFamily, value, summary, holds }) => [
    codeCell(isFamily === true ? `${name}NAME` : name),
    codeCell(value),
    cell(summary),
    holds === 'now' ? 'at once' : 'from the next start',
  ]);
  const devices = deviceTypes.flatMap(({ name, summary, keys: own, required }) => [
    [codeCell(name), '', cell(summary), ''],
    ...Object.entries(own).map(([key, about]) => ['', codeCell(key), cell(about), required.includes(key) ? 'needed' : '']),
  ]);
  return `${[
    generated,
    '# Settings of containers',
    'For `orlop set`, `--set` and profiles. What they mean together is told in [settings](../settings.md).',
    formatTable(['key', 'value', '', 'holds'], keys),
    '## Devices',
    'For `orlop device add CONTAINER DEVICE TYPE KEY=VALUE`; see [devices](../devices.md).',
    formatTable(['type', 'key', '', ''], devices),
  ].join('\n\n')}\n`;
}

/** All variables of the environment, as Markdown. Pure. */
export function formatEnvironmentPage(): string {
  const sections = [
    { title: 'orlop', rows: clientVariables },
    { title: 'orlopd', rows: engineVariables },
    { title: 'orlop-runtime', rows: runtimeVariables },
    { title: 'The launchers of a checkout', rows: launcherVariables },
  ];
  return `${[generated, '# The environment', 'Flags go before variables.', ...sections.flatMap(formatSection)].join('\n\n')}\n`;
}
