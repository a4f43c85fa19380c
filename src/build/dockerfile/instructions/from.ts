import { mistake } from '../errors.ts';
import { parseFlags } from '../flags.ts';
import type { FromInstruction } from '../model.ts';
import { splitBlanks } from '../spaces.ts';
import type { Request } from './request.ts';

const stageName = /^[a-z][a-z0-9\-_.]*$/;

/** `FROM [--platform=P] IMAGE [AS NAME]`. */
export function parseFrom(request: Request): FromInstruction {
  const words = request.rest === '' ? [] : splitBlanks(request.rest);
  const [image, keyword, as] = words;
  if (image === undefined || (words.length !== 1 && (words.length !== 3 || keyword?.toLowerCase() !== 'as'))) {
    throw mistake('FROM requires either one or three arguments', 'write FROM image, or FROM image AS stage');
  }
  if (as !== undefined && !stageName.test(as.toLowerCase())) {
    throw mistake(`invalid name for build stage: ${JSON.stringify(as)}, name can't start with a number or contain symbols`);
  }
  const { platform } = parseFlags(request.flags, { platform: 'text' });
  const named = as === undefined || keyword === undefined ? {} : { as, asKeyword: keyword };
  return { kind: 'from', ...request.base, image, ...named, ...(platform === undefined || platform === '' ? {} : { platform }) };
}
