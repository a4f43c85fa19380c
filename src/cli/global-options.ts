import type { HostChoice } from '#client';
import { usageError, wrongWords } from './arguments/usage-error.ts';

export interface GlobalOptions extends HostChoice {
  readonly version: boolean;
  readonly help: boolean;
  /** Where the user's Docker configuration is: logins, keys that detach. */
  readonly configDirectory?: string;
  /** The name of a context. */
  readonly context?: string;
  /** From the command's name on. */
  readonly rest: readonly string[];
}

type Chosen = HostChoice & Pick<GlobalOptions, 'configDirectory' | 'context'>;

/** Options with a value, by the name of what they choose. */
const valued = { host: 'host', tlscacert: 'caFile', tlscert: 'certFile', tlskey: 'keyFile' } as const;

/** The options before the command's name: `-H ADDRESS`, `--context NAME`, `--tlsverify` and its files, `--version`, `--help`. */
export function parseGlobalOptions(words: readonly string[]): GlobalOptions {
  const choice: { -readonly [K in keyof Chosen]: Chosen[K] } = {};
  const none = { version: false, help: false, rest: [] };
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const [, name, inline, short] = /^(?:--(host|tlscacert|tlscert|tlskey)(?:=(.*))?|-H=?(.+)?)$/s.exec(word) ?? [];
    if (name !== undefined || word.startsWith('-H')) {
      const value = inline ?? short ?? words[++at];
      if (value === undefined) throw usageError(`flag needs an argument: ${word}`);
      choice[valued[(name ?? 'host') as keyof typeof valued]] = value;
    } else if (/^--tlsverify(?:=(?:true|1))?$/.test(word)) choice.tlsVerify = true;
    else if (/^--tlsverify=(?:false|0)$/.test(word)) choice.tlsVerify = false;
    else if (/^--tls(?:=.*)?$/.test(word)) throw wrongWords('--tls alone is refused: it would trust whoever answers; use --tlsverify');
    else if (/^(?:--config|--context|-c)(?:=|$)/.test(word)) {
      const [flag = '', inlined] = word.split(/=(.*)/s);
      const value = inlined ?? words[++at];
      if (value === undefined) throw usageError(`flag needs an argument: ${flag}`);
      if (flag === '--config') choice.configDirectory = value;
      else choice.context = value;
    } else if (/^(?:-l|--log-level)(?:=|$)/.test(word)) checkLogLevel(word.includes('=') ? word.replace(/^.*?=/s, '') : words[++at]);
    else if (/^(?:-D|--debug)(?:=(?:true|false|1|0))?$/.test(word)) continue;
    else if (word === '-v' || word === '--version') return { ...choice, ...none, version: true };
    else if (word === '-h' || word === '--help') return { ...choice, ...none, help: true };
    else if (word.startsWith('-') && word !== '-') throw usageError(`unknown flag: ${word}`);
    else return { ...choice, ...none, rest: words.slice(at) };
  }
  return { ...choice, ...none, help: words.length === 0 };
}

/** As `--debug`, it is about a log of the client's own, and this one keeps none: failures are said whole, always. */
function checkLogLevel(level: string | undefined): void {
  if (level === undefined) throw usageError('flag needs an argument: --log-level');
  if (!['debug', 'info', 'warn', 'error', 'fatal'].includes(level)) throw wrongWords(`unable to parse logging level: ${level}`);
}
