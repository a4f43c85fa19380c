import type { Dependency } from '../model/service.ts';
import type { Condition } from './steps.ts';

/** The words of the specification for what a dependency must be. */
export const conditions: Readonly<Record<Dependency['condition'], Condition>> = {
  service_started: 'started',
  service_healthy: 'healthy',
  service_completed_successfully: 'completed',
};
