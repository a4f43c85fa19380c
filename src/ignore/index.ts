export { createIgnoreMatcher, type IgnoreMatcher, parseIgnoreFile } from './matcher.ts';
