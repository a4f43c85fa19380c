import { chooseHost, readTls, type ClientTls } from '#client';
import { wrongWords } from '../arguments/usage-error.ts';
import type { GlobalOptions } from '../global-options.ts';
import { readContext, readCurrent } from './store.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Which engine a command is for. Failures of a context that is not there come when they are asked for: `context use` works without. */
export interface ChosenEngine {
  readonly context: string;
  host(): string;
  tls(): ClientTls | undefined;
}

/** By Docker's rules under our own names: `--context`; else `-H` or ORLOP_HOST, which are the default context; else ORLOP_CONTEXT; else what `context use` said. */
export function chooseEngine(options: Omit<GlobalOptions, 'rest' | 'help' | 'version'>, env: Environment): ChosenEngine {
  if (options.context !== undefined && options.host !== undefined)
    throw wrongWords('conflicting options: cannot specify both --host and --context');
  const context = options.context ?? contextOf(options, env);
  if (context === 'default') return { context, host: () => chooseHost(options, env), tls: () => readTls(options, env) };
  if (options.tlsVerify !== undefined || (options.caFile ?? options.certFile ?? options.keyFile) !== undefined)
    throw wrongWords(`--tlsverify and its files go with -H: context ${JSON.stringify(context)} has its own`);
  return { context, host: () => readContext(env, context).host, tls: () => tlsOf(readContext(env, context).tls) };
}

/** Where the default context leads to. */
export function hostOfDefault(env: Environment, chosen: ChosenEngine): string {
  return chosen.context === 'default' ? chosen.host() : chooseHost({}, env);
}

function contextOf({ host }: { readonly host?: string | undefined }, env: Environment): string {
  if (host !== undefined || env['ORLOP_HOST']) return 'default';
  return env['ORLOP_CONTEXT'] || readCurrent(env);
}

function tlsOf({ 'ca.pem': ca, 'cert.pem': cert, 'key.pem': key }: ReturnType<typeof readContext>['tls']): ClientTls | undefined {
  if ((ca ?? cert ?? key) === undefined) return undefined;
  return { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
}
