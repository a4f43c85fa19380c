/** A name that nobody else has: the engine makes up names of containers only. */
export function createName(): string {
  return `orlop-${crypto.randomUUID().slice(0, 13)}`;
}
