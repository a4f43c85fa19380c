import { formatAge, type ContainerView } from '#wire';

/** The STATUS column of `ps`: `Up 3 seconds`, `Exited (0) 2 minutes ago`. */
export function formatStatus(view: ContainerView, nowNs: bigint): string {
  const since = (timeNs: bigint): string => formatAge(nowNs > timeNs ? nowNs - timeNs : 0n);
  switch (view.status) {
    case 'created':
      return `Created${demandText(view)}`;
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
      return `${view.finishedAtNs === 0n ? 'Created' : `Exited (${view.exitCode}) ${since(view.finishedAtNs)} ago`}${demandText(view)}`;
  }
}

/** It starts when somebody connects, or why it could not the last time. */
function demandText({ waitsForConnections, error }: ContainerView): string {
  if (waitsForConnections !== true) return '';
  return error === '' ? ' (on demand)' : ` (on demand; ${error})`;
}

/** A machine that is not simply up says so first; else what its checks say, where it has some. */
function healthText({ health, boot }: ContainerView): string {
  if (boot !== undefined && (boot !== 'running' || health === undefined)) return ` (${boot})`;
  if (health === undefined) return '';
  return health.status === 'starting' ? ' (health: starting)' : ` (${health.status})`;
}
