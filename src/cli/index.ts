export { main } from './main.ts';
export { createIo, type Io } from './io.ts';
