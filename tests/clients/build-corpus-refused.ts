import { type RefusedCase, tree } from './build-case.ts';

/** Refused by both. */
export const refused: readonly RefusedCase[] = [
  { name: 'a source that is not there', file: 'FROM scratch\nCOPY nothing /\n', says: /nothing.*(not found|no such)/i },
  { name: 'a source that is ignored', make: 'echo a > a; echo a > .dockerignore', file: 'FROM scratch\nCOPY a /\n', says: /not found/ },
  { name: 'a directory onto a file', make: tree, file: 'FROM localhost/base\nCOPY d /there/file\n', says: /cannot copy to non-directory/ },
  {
    name: 'a stage that comes later',
    file: 'FROM localhost/base\nCOPY --from=two /a /\nFROM localhost/base AS two\n',
    says: /two/,
    buildahTakesIt: true,
  },
  { name: 'a stage that copies from itself', file: 'FROM localhost/base AS one\nCOPY --from=one /a /\n', says: /one/ },
  { name: 'an unknown instruction', file: 'FROM localhost/base\nRUM true\n', says: /unknown instruction: RUM/ },
  { name: 'no FROM', file: 'RUN true\n', says: /no build stage|FROM/ },
  { name: 'an unknown target', file: 'FROM scratch\n', args: ['--target', 'nobody'], says: /nobody/ },
  {
    name: 'an unknown user in --chown',
    make: 'echo a > a',
    file: 'FROM localhost/base\nCOPY --chown=nobody-here a /\n',
    says: /nobody-here/,
  },
  { name: 'a command that fails', file: 'FROM localhost/base\nRUN exit 3\n', says: /exit code: 3/ },
  { name: 'HEALTHCHECK with a bad interval', file: 'FROM localhost/base\nHEALTHCHECK --interval=x CMD a\n', says: /interval|duration/ },
  { name: 'ONBUILD ONBUILD', file: 'FROM localhost/base\nONBUILD ONBUILD RUN a\n', says: /ONBUILD/ },
  { name: 'ONBUILD FROM', file: 'FROM localhost/base\nONBUILD FROM a\n', says: /FROM/ },
  { name: 'SHELL without JSON', file: 'FROM localhost/base\nSHELL sh\n', says: /JSON/ },
  { name: 'an unknown flag', make: 'echo a > a', file: 'FROM scratch\nCOPY --nonsense a /\n', says: /nonsense/ },
  { name: 'ENV without a value', file: 'FROM localhost/base\nENV x\n', says: /ENV must have two arguments/ },
];
