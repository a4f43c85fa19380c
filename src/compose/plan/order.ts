import type { Project } from '../model/project.ts';

/** Services, each behind those that it depends on. Cycles were refused when the project was loaded. Pure. */
export function inOrder({ services }: Pick<Project, 'services'>): string[] {
  const ordered: string[] = [];
  const visit = (name: string): void => {
    if (ordered.includes(name) || !Object.hasOwn(services, name)) return;
    for (const other of Object.keys(services[name]?.depends_on ?? {}).toSorted()) visit(other);
    ordered.push(name);
  };
  for (const name of Object.keys(services).toSorted()) visit(name);
  return ordered;
}

/** Services that depend on this one. */
export function dependents({ services }: Pick<Project, 'services'>, name: string): string[] {
  return Object.keys(services).filter((other) => Object.hasOwn(services[other]?.depends_on ?? {}, name));
}
