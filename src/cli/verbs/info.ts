import type { DockerInfo, InfoBody } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { parseTemplate } from '../render/template.ts';
import { formatBinaryBytes } from '../values/size.ts';
import { describeProgram } from './version.ts';

/** In Docker's fields and words, with what only this engine has to tell. */
export const info: Verb = async ({ args, io, client }) => {
  const format = args.flag('json') ? 'json' : args.text('format');
  const template = format === undefined || format === 'json' ? null : parseTemplate(format);
  const engine = await client();
  const [facts, own] = await Promise.all([engine.dockerInfo(), engine.info()]);
  const { Version, DefaultAPIVersion, Os, Arch, Context } = describeProgram();
  const whole = { ...facts, ClientInfo: { Debug: false, Version, DefaultAPIVersion, Os, Arch, Context, Plugins: [], Warnings: null } };
  if (template !== null) await write(io.stdout, `${template.render(whole)}\n`);
  else if (format === 'json') await printJson(io, whole);
  else {
    await write(
      io.stdout,
      `Client:\n Version:    ${Version}\n Context:    ${Context}\n Debug Mode: false\n\nServer:\n${formatInfo(facts, own)}\n`,
    );
    for (const warning of facts.Warnings ?? []) await write(io.stderr, `${warning.startsWith('WARNING:') ? '' : 'WARNING: '}${warning}\n`);
  }
  return exitCodes.ok;
};

/** A line each; what belongs to the one above is further in. Pure. */
export function formatInfo(facts: DockerInfo, own: InfoBody): string {
  const plugins = facts['Plugins'] as Readonly<Record<string, readonly string[] | null>> | undefined;
  const runtimes = Object.keys((facts['Runtimes'] as Readonly<Record<string, unknown>> | undefined) ?? {});
  const lines = [
    `Containers: ${facts.Containers}`,
    ` Running: ${facts.ContainersRunning}`,
    ` Paused: ${facts.ContainersPaused}`,
    ` Stopped: ${facts.ContainersStopped}`,
    `Images: ${facts.Images}`,
    `Server Version: ${facts.ServerVersion}`,
    `Build: ${own.buildId}`,
    `Storage Driver: ${facts.Driver}`,
    ...facts.DriverStatus.map(([name, value]) => ` ${name}: ${value}`),
    `Logging Driver: ${textOf(facts['LoggingDriver'])}`,
    `Cgroup Driver: ${facts.CgroupDriver}`,
    `Cgroup Version: ${own.cgroupVersion === 'hybrid' ? `${facts.CgroupVersion} (hybrid)` : facts.CgroupVersion}`,
    'Plugins:',
    ...['Volume', 'Network', 'Log'].map((kind) => ` ${kind}: ${(plugins?.[kind] ?? []).join(' ')}`),
    `Runtimes: ${runtimes.join(' ')}`,
    `Default Runtime: ${textOf(facts['DefaultRuntime'])}`,
    `Init Binary: ${textOf(facts['InitBinary'])}`,
    'Security Options:',
    ...facts.SecurityOptions.flatMap(formatSecurityOption),
    `Kernel Version: ${facts.KernelVersion}`,
    `Operating System: ${facts.OperatingSystem}`,
    `OSType: ${facts.OSType}`,
    `Architecture: ${facts.Architecture}`,
    `CPUs: ${facts.NCPU}`,
    `Total Memory: ${formatBinaryBytes(facts.MemTotal)}`,
    `Name: ${facts.Name}`,
    `ID: ${facts.ID}`,
    `Docker Root Dir: ${facts.DockerRootDir}`,
    `Exec Root Dir: ${own.execRoot}`,
    `Debug Mode: ${facts['Debug'] === true}`,
    `Experimental: ${facts['ExperimentalBuild'] === true}`,
    `Live Restore Enabled: ${facts['LiveRestoreEnabled'] === true}`,
  ];
  return lines.map((line) => ` ${line}\n`).join('');
}

/** `name=seccomp,profile=builtin`: the name, and the rest below it. */
function formatSecurityOption(option: string): string[] {
  const [name = '', ...rest] = option.split(',').map((part) => part.split('=', 2));
  const title = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
  return [` ${name[1] ?? name[0] ?? ''}`, ...rest.map(([key = '', value = '']) => `  ${title(key)}: ${value}`)];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
