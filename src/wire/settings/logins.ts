import { badValue } from './values.ts';

/** Key types of OpenSSH (sshd(8), AUTHORIZED_KEYS FILE FORMAT); before them a line may have options. */
const publicKey =
  /(?:^|[\s,"])(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp(?:256|384|521)|sk-[a-z0-9-]+@openssh\.com)\s+[A-Za-z0-9+/]{16,}={0,3}(?:\s|$)/;
const user = /^[a-z_][a-z0-9_.-]{0,31}\$?$/i;

/** Lines as authorized_keys has them, without comments and empty ones. A private key is refused by name: it is nothing to hand out. */
export function canonicalSshKeys(text: string, name: string): string {
  const login = name.slice('ssh.keys.'.length);
  if (login !== '' && !user.test(login))
    throw badValue(name, '', `a name of a user behind ssh.keys., and ${JSON.stringify(login)} is none:`);
  if (/PRIVATE KEY/.test(text)) throw badValue(name, '(a private key)', 'public keys, as in the file that ends in .pub');
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const odd = lines.find((line) => !publicKey.test(line) || /[\u0000-\u0008\u000B-\u001F\u007F]/.test(line));
  if (odd !== undefined || lines.length === 0)
    throw badValue(name, (odd ?? '').slice(0, 40), 'public keys such as ssh-ed25519 AAAA… me@there, one a line');
  return lines.join('\n');
}

/** A name below /usr/share/zoneinfo; whether it is there is for the container to say. */
export function canonicalZone(text: string, name: string): string {
  const zone = text.trim();
  if (zone.length <= 100 && /^[A-Za-z0-9_+-]+(?:\/[A-Za-z0-9_+-]+){0,3}$/.test(zone)) return zone;
  throw badValue(name, text, 'a zone such as Europe/Berlin or UTC');
}
