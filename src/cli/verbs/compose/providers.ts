import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { printProject, type CallProvider, type Project, type Provided, type ProviderCommand } from '#compose';
import { OrlopError } from '#errors';
import type { Invocation } from '../../invocation.ts';

/** What a provider says of its commands. Empty: it says nothing. */
type Metadata = Readonly<
  Partial<Record<ProviderCommand, { readonly parameters?: readonly { readonly name: string; readonly required?: boolean }[] }>>
>;

const words: Readonly<Record<ProviderCommand, readonly [doing: string, done: string]>> = {
  up: ['Creating', 'Created'],
  down: ['Removing', 'Removed'],
  stop: ['Stopping', 'Stopped'],
};

/** Calls programs that provide services, by the protocol of Compose's providers: flags, and lines of JSON. Source: Docker Compose, docs/extension.md. */
export function providerCaller({ io }: Pick<Invocation, 'io'>, project: Project): CallProvider {
  const env = { ...io.env, ...project.environment };
  return async (name, service, command) => {
    const { type = '', options = {} } = service.provider ?? {};
    const program = await findProvider(type, env);
    const metadata = await readMetadata(program, name, env);
    const isDescribed = Object.keys(metadata).length > 0;
    if (command === 'stop' && metadata.stop === undefined) return { variables: {}, rawVariables: {} };
    const parameters = metadata[command]?.parameters ?? [];
    const missing = parameters.find((parameter) => parameter.required === true && !Object.hasOwn(options, parameter.name));
    if (missing !== undefined) throw failed(name, `required parameter "${missing.name}" is missing from provider "${type}" definition`);
    const flags = Object.entries(options)
      .filter(([key]) => !isDescribed || parameters.some((parameter) => parameter.name === key))
      .flatMap(([key, values]) => values.map((value) => `--${key}=${value}`));
    const say = (text: string): void => void io.stderr.write(` ${name}  ${text}\n`);
    const [doing, done] = words[command];
    say(doing);
    const config = JSON.stringify(
      (printProject({ ...project, services: { [name]: service } }, 'json')['services'] as Record<string, unknown>)[name],
    );
    const provided = await run([program, 'compose', `--project-name=${project.name}`, command, ...flags, name], { name, env, say, config });
    say(done);
    return provided;
  };
}

interface Call {
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
  readonly say: (text: string) => void;
  /** The service as the provider may ask for it, JSON. */
  readonly config: string;
}

async function run([program = '', ...args]: readonly string[], { name, env, say, config }: Call): Promise<Provided> {
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = endOf(child, name, program);
  closed.catch(() => undefined);
  // A provider that reads nothing may close its side.
  child.stdin.on('error', () => undefined);
  const variables: Record<string, string> = {};
  const rawVariables: Record<string, string> = {};
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.trim() === '') continue;
      const { type, message } = parseMessage(name, line);
      if (type === 'error') throw failed(name, message);
      else if (type === 'info') say(message.split('\n')[0] ?? '');
      else if (type === 'setenv' || type === 'rawsetenv') setVariable(name, message, type === 'setenv' ? variables : rawVariables);
      else if (type === 'get-service-config') child.stdin.write(`${config}\n`);
      else if (type !== 'debug') throw failed(name, `invalid response from plugin: ${type}`);
    }
    child.stdin.end();
  } catch (error) {
    child.kill('SIGKILL');
    await closed;
    throw error;
  }
  const code = await closed;
  if (code !== 0) throw failed(name, `its provider ${program} ended with ${code ?? 'a signal'}`);
  return { variables, rawVariables };
}

/** Its exit code; null: a signal ended it. */
async function endOf(child: ChildProcess, name: string, program: string): Promise<number | null> {
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return code;
  } catch (cause) {
    throw failed(name, `its provider ${program} cannot be run: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

function parseMessage(name: string, line: string): { readonly type: string; readonly message: string } {
  try {
    const { type, message = '' } = JSON.parse(line) as { type?: unknown; message?: unknown };
    return { type: String(type), message: String(message) };
  } catch {
    throw failed(name, `invalid response from plugin: ${JSON.stringify(line.slice(0, 200))}`);
  }
}

function setVariable(name: string, message: string, variables: Record<string, string>): void {
  const equals = message.indexOf('=');
  if (equals < 1) throw failed(name, `invalid response from plugin: ${message}`);
  variables[message.slice(0, equals)] = message.slice(equals + 1);
}

/** A plug-in of Docker's command line, or a program of the search path. */
async function findProvider(type: string, env: NodeJS.ProcessEnv): Promise<string> {
  if (type === 'compose' || !/^[\w.-]+$/.test(type))
    throw new OrlopError('invalid-argument', 'COMPOSE_BAD_PROVIDER', `${JSON.stringify(type)} is not a valid provider type`);
  const own = join(env['DOCKER_CONFIG'] ?? join(env['HOME'] ?? homedir(), '.docker'), 'cli-plugins');
  const shared = ['/usr/local/lib', '/usr/local/libexec', '/usr/lib', '/usr/libexec'].map((directory) =>
    join(directory, 'docker/cli-plugins'),
  );
  const plugins = [own, ...shared].map((directory) => join(directory, `docker-${type}`));
  const programs = (env['PATH'] ?? '')
    .split(':')
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, type));
  for (const path of [...plugins, ...programs])
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  throw new OrlopError(
    'not-found',
    'COMPOSE_NO_PROVIDER',
    `there is no provider ${type}: no docker-${type} among the plug-ins of Docker's command line, no ${type} in PATH`,
    {
      hint: 'install the program, or mend provider.type',
    },
  );
}

/** One that knows no `metadata` is called with all options. */
async function readMetadata(program: string, name: string, env: NodeJS.ProcessEnv): Promise<Metadata> {
  const child = spawn(program, ['compose', 'metadata'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  if ((await endOf(child, name, program)) !== 0) return {};
  try {
    const { up, down, stop } = JSON.parse(text) as Metadata;
    return { ...(up === undefined ? {} : { up }), ...(down === undefined ? {} : { down }), ...(stop == null ? {} : { stop }) };
  } catch {
    return {};
  }
}

function failed(name: string, why: string, cause?: unknown): OrlopError {
  return new OrlopError('failed-precondition', 'COMPOSE_PROVIDER_FAILED', `service ${name}: ${why}`, { cause });
}
