import { bytes, flag, inner, many, mapOf, message, nested, one, text } from '../protobuf/message.ts';
import { definitionType, workerType } from './control.ts';

/** Messages of moby.buildkit.v1.frontend (moby/buildkit, frontend/gateway/pb/gateway.proto), as far as this engine reads or writes them. */

const capabilityType = message({ id: one(1, text), enabled: one(2, flag) });
export const pongType = message({
  frontendCapabilities: many(1, nested(capabilityType)),
  llbCapabilities: many(2, nested(capabilityType)),
  workers: many(3, nested(workerType)),
});

const refType = message({ id: one(1, text) });
const resultType = message({ ref: inner(3, refType), metadata: mapOf(10, bytes) });

export const bridgeSolveRequestType = message({
  definition: inner(1, definitionType),
  frontend: one(2, text),
  attributes: mapOf(3, text),
  inputs: mapOf(13, nested(definitionType)),
  evaluate: one(14, flag),
});
export const bridgeSolveResponseType = message({ ref: one(1, text), result: inner(3, resultType) });

/** The error is google.rpc.Status, kept as it is. */
export const returnRequestType = message({ result: inner(1, resultType), error: one(2, bytes) });
export const refRequestType = message({ ref: one(1, text) });
