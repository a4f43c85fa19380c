import type { Exchange, Route } from '#api/http';

/** What the routes of execs need of the engine, beyond Docker's. */
export interface ExecBackend {
  readonly execs: { kill(id: string, signal: string): Promise<void> };
}

/** `POST /orlop/v1/exec/{id}/kill` with `signal`, KILL without. */
export function orlopExecRoutes({ execs }: ExecBackend): Route[] {
  return [{ method: 'POST', path: '/orlop/v1/exec/{id}/kill', handle: (exchange) => kill(execs, exchange) }];
}

async function kill(execs: ExecBackend['execs'], exchange: Exchange): Promise<void> {
  const signal = (await exchange.readObject()).text('signal') || 'KILL';
  await execs.kill(exchange.parameters['id'] ?? '', signal);
  exchange.empty(204);
}
