import { readFileSync } from 'node:fs';
import type { MutualTls } from '#api/http';
import { OrlopError } from '#errors';

const flags = { ca: '--tlscacert', cert: '--tlscert', key: '--tlskey' } as const;

/** The PEM texts in these files. failed-precondition naming the one that cannot be read and its flag. */
export function readTlsFiles(files: Readonly<Record<keyof typeof flags, string>>): MutualTls {
  const read = (which: keyof typeof flags): string => {
    try {
      return readFileSync(files[which], 'utf8');
    } catch (cause) {
      const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
      throw new OrlopError('failed-precondition', 'ORLOPD_TLS_FILE', `${flags[which]} ${files[which]} cannot be read: ${why}`, { cause });
    }
  };
  return { ca: read('ca'), cert: read('cert'), key: read('key') };
}
