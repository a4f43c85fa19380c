import { randomBytes } from 'node:crypto';
import { OrlopError } from '#errors';

/** 64 hexadecimal digits, as Docker names volumes that nobody named. */
export function createVolumeName(): string {
  return randomBytes(32).toString('hex');
}

/** Docker's rule, and its words. */
export function checkVolumeName(name: string): void {
  if (name.length === 1) throw invalid(`create ${name}: volume name is too short, names should be at least two alphanumeric characters`);
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
    const allowed = '"[a-zA-Z0-9][a-zA-Z0-9_.-]"';
    throw invalid(
      `create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, only ${allowed} are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
  if (name.length > 255) throw invalid(`create ${name.slice(0, 40)}…: a volume's name has at most 255 characters`);
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'VOLUME_BAD_NAME', message);
}
