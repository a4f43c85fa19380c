import type { Exchange } from '#api/http';
import type { ContainerBackend } from './backend.ts';
import { decodeLimits } from './decode-limits.ts';
import { decodeRestartPolicy } from './decode-restart.ts';
import { refuseUnchangeable, warnOfIgnored } from './refused-fields.ts';

/** `POST /containers/{id}/update`: limits and restart policy; what else Docker takes here is refused by name. */
export async function updateContainer({ containers }: ContainerBackend, exchange: Exchange): Promise<void> {
  const body = await exchange.readObject({ required: true });
  refuseUnchangeable(body);
  const limits = decodeLimits(body, exchange);
  const named = body.object('RestartPolicy').text('Name') !== '';
  const warnings = await containers.update(exchange.parameters['id'] ?? '', {
    ...(limits === undefined ? {} : { limits }),
    ...(named ? { restartPolicy: decodeRestartPolicy(body) ?? { name: 'no' } } : {}),
  });
  const all = [...warnings, ...warnOfIgnored(body)];
  exchange.json(200, { Warnings: all.length === 0 ? null : all });
}
