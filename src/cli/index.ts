export { main } from './main.ts';
export { createIo, flush, type Io } from './io.ts';
