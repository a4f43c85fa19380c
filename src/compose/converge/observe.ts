import type { Client } from '#client';
import { labels } from '../plan/labels.ts';
import { projectOfLabels } from '../plan/known.ts';
import { observeContainer, type Observed } from '../plan/observed.ts';
import type { Project } from '../model/project.ts';

/** What the engine has of a project: its containers by their labels, networks and volumes by their names. */
export async function observe(client: Client, project: Pick<Project, 'name' | 'networks' | 'volumes'>): Promise<Observed> {
  const [containers, networks, volumes] = await Promise.all([
    client.containers.list({ all: true, filters: { label: [`${labels.project}=${project.name}`] } }),
    client.networks.list(),
    client.volumes.list(),
  ]);
  return {
    containers: containers.filter(({ Labels }) => Labels[labels.service] !== undefined).map(observeContainer),
    networks: Object.fromEntries(networks.map(({ Name, Labels }) => [Name, Labels])),
    volumes: Object.fromEntries(volumes.map(({ Name, Labels }) => [Name, Labels ?? {}])),
  };
}

/** The project of this name as the engine knows it, for who has no file of it; one of nothing when nothing of it is there. */
export async function findProject(client: Client, name: string): Promise<Project> {
  const filters = { label: [`${labels.project}=${name}`] };
  const [containers, networks, volumes] = await Promise.all([
    client.containers.list({ all: true, filters }),
    client.networks.list(filters),
    client.volumes.list({ filters }),
  ]);
  return projectOfLabels(name, {
    containers: containers.map(({ Labels }) => Labels),
    networks: Object.fromEntries(networks.map(({ Name, Labels }) => [Name, Labels])),
    volumes: Object.fromEntries(volumes.map(({ Name, Labels }) => [Name, Labels ?? {}])),
  });
}
