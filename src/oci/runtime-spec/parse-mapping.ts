import { object, required, uint32 } from '../json/decode.ts';
import type { IdMapping } from './spec.ts';

export const idMapping = object<IdMapping>({ containerID: required(uint32), hostID: required(uint32), size: required(uint32) });
