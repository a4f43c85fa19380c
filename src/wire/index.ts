export type * from './views.ts';
export type * from './docker.ts';
export type * from './orlop.ts';
export { apiVersion, kindLabel, minimumApiVersion, multiplexedStreamType, rawStreamType } from './docker-version.ts';
export { createFrameDecoder, encodeFrame, frameHeader, type Frame, type FrameDecoder, type StreamName } from './frames.ts';
export { parseErrorBody, type ErrorBody } from './error-body.ts';
export { formatAge } from './age.ts';
export { formatLogTime, formatTime, parseDuration, parseTime, toSeconds, zeroTime } from './time.ts';
export { createDetachScanner, defaultDetachKeys, parseDetachKeys, type DetachScanner } from './detach-keys.ts';
