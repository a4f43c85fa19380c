export { createIgnoreMatcher, type IgnoreMatcher, parseIgnoreFile, readIgnorePatterns } from './matcher.ts';
