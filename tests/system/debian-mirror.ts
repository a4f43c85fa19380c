import { lookup } from 'node:dns/promises';

const mirror = 'deb.debian.org';

/** For what fetches Debian's packages inside containers: a reason when the mirror cannot be reached. */
export async function whyNoMirror(): Promise<string | false> {
  try {
    await lookup(mirror);
    const answer = await fetch(`http://${mirror}/debian/dists/trixie/InRelease`, { method: 'HEAD', signal: AbortSignal.timeout(10_000) });
    return answer.ok ? false : `${mirror} answers ${answer.status}`;
  } catch {
    return `${mirror} cannot be reached`;
  }
}
