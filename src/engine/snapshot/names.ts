import { OrlopError } from '#errors';

export const defaultPattern = 'snap%d';

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.:+-]{0,127}$/;

/** A name that can stand behind a slash: `CONTAINER/NAME`. invalid-argument else. */
export function parseSnapshotName(name: string): string {
  if (namePattern.test(name)) return name;
  throw new OrlopError('invalid-argument', 'ENGINE_SNAPSHOT_NAME', `${JSON.stringify(name)} cannot be the name of a snapshot`, {
    hint: 'use letters, digits and _ . : + - , beginning with a letter or a digit',
  });
}

/**
 * A name by a pattern: `%d` is the first number from 0 that makes it free, `{date}` and `{time}` are the moment's (2026-01-31, 12-05-00; in this process's time zone). A pattern
 * without a number gets one when its name is taken. Pure.
 */
export function nameByPattern(pattern: string, now: Date, isTaken: (name: string) => boolean): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join('-');
  const dated = pattern.replaceAll('{date}', date).replaceAll('{time}', time);
  if (!dated.includes('%d')) {
    const plain = parseSnapshotName(dated);
    if (!isTaken(plain)) return plain;
  }
  const numbered = dated.includes('%d') ? dated : `${dated}-%d`;
  for (let number = 0; ; number += 1) {
    const name = parseSnapshotName(numbered.replaceAll('%d', String(number)));
    if (!isTaken(name)) return name;
  }
}
