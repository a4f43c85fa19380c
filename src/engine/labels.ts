/** Whether labels fit a filter: `name`, or `name=value`. */
export function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const at = wanted.indexOf('=');
  const name = at < 0 ? wanted : wanted.slice(0, at);
  return Object.hasOwn(labels, name) && (at < 0 || labels[name] === wanted.slice(at + 1));
}
