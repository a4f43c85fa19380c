import { mistake } from '../errors.ts';
import { refuseFlags } from '../flags.ts';
import { parseJsonWords } from '../json.ts';
import type {
  ExposeInstruction,
  MaintainerInstruction,
  OnbuildInstruction,
  StopsignalInstruction,
  UserInstruction,
  VolumeInstruction,
  WorkdirInstruction,
} from '../model.ts';
import { splitBlanks, trim } from '../spaces.ts';
import { splitStatement } from '../statements.ts';
import { type Request, requireExactlyOne, requireOneOrMore } from './request.ts';

export function parseWorkdir(request: Request): WorkdirInstruction {
  const path = requireExactlyOne(request);
  refuseFlags(request.flags);
  return { kind: 'workdir', ...request.base, path };
}

export function parseUser(request: Request): UserInstruction {
  const user = requireExactlyOne(request);
  refuseFlags(request.flags);
  return { kind: 'user', ...request.base, user };
}

export function parseStopsignal(request: Request): StopsignalInstruction {
  const signal = requireExactlyOne(request);
  refuseFlags(request.flags);
  return { kind: 'stopsignal', ...request.base, signal };
}

export function parseMaintainer(request: Request): MaintainerInstruction {
  const name = requireExactlyOne(request);
  refuseFlags(request.flags);
  return { kind: 'maintainer', ...request.base, name };
}

/** BuildKit sorts the ports, as history shows. */
export function parseExpose(request: Request): ExposeInstruction {
  const ports = request.rest === '' ? [] : splitBlanks(request.rest);
  requireOneOrMore(request, ports);
  refuseFlags(request.flags);
  return { kind: 'expose', ...request.base, ports: ports.sort() };
}

/** `VOLUME path …`, or a JSON array of paths. */
export function parseVolume(request: Request): VolumeInstruction {
  const volumes = parseJsonWords(request.rest) ?? (request.rest === '' ? [] : splitBlanks(request.rest));
  requireOneOrMore(request, volumes);
  refuseFlags(request.flags);
  const paths = volumes.map(trim);
  if (paths.includes('')) throw mistake('VOLUME specified can not be an empty string');
  return { kind: 'volume', ...request.base, volumes: paths };
}

/** What may not be a trigger. Whether a trigger is an instruction at all shows when it runs, as in BuildKit. */
export function parseOnbuild(request: Request): OnbuildInstruction {
  if (request.rest === '') throw mistake('ONBUILD requires at least one argument');
  refuseFlags(request.flags);
  const keyword = splitStatement(request.rest).keyword.toUpperCase();
  if (keyword === 'ONBUILD') throw mistake("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (keyword === 'MAINTAINER' || keyword === 'FROM') throw mistake(`${keyword} isn't allowed as an ONBUILD trigger`);
  const heredocs = request.heredocs.map(({ name, content }) => `\n${content}${name}`);
  return { kind: 'onbuild', ...request.base, trigger: `${request.rest}${heredocs.join('')}` };
}
