import { formatAge, type ContainerView } from '#wire';

/** The STATUS column of `ps`: `Up 3 seconds`, `Exited (0) 2 minutes ago`. */
export function formatStatus(view: ContainerView, nowNs: bigint): string {
  const since = (timeNs: bigint): string => formatAge(nowNs > timeNs ? nowNs - timeNs : 0n);
  switch (view.status) {
    case 'created':
      return 'Created';
    case 'running':
      return `Up ${since(view.startedAtNs)}${healthText(view)}`;
    case 'paused':
      return `Up ${since(view.startedAtNs)} (Paused)`;
    case 'restarting':
      return `Restarting (${view.exitCode}) ${since(view.finishedAtNs)} ago`;
    case 'removing':
      return 'Removal In Progress';
    case 'dead':
      return 'Dead';
    case 'exited':
      return view.finishedAtNs === 0n ? 'Created' : `Exited (${view.exitCode}) ${since(view.finishedAtNs)} ago`;
  }
}

/** A machine that is not simply up says so first; else what its checks say, where it has some. */
function healthText({ health, boot }: ContainerView): string {
  if (boot !== undefined && (boot !== 'running' || health === undefined)) return ` (${boot})`;
  if (health === undefined) return '';
  return health.status === 'starting' ? ' (health: starting)' : ` (${health.status})`;
}
