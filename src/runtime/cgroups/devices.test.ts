import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { compileDeviceProgram, deviceTypes, instructionBytes } from './device-program.ts';
import { accessBits, allowsEverything, completeDeviceRules, type DeviceMatch, type DeviceRule, planDevicesV1 } from './devices.ts';
import { interpretDeviceProgram } from './interpret-device-program.ts';

interface Request {
  readonly type: 'b' | 'c';
  readonly access: number;
  readonly major: number;
  readonly minor: number;
}

/** The meaning of a list, as plainly as it can be said: each wanted access is decided by the last rule that names it. */
function decide(rules: readonly DeviceMatch[], request: Request): boolean {
  const named = (rule: DeviceMatch): boolean =>
    (rule.type === 'a' || rule.type === request.type) &&
    (rule.major === null || rule.major === request.major) &&
    (rule.minor === null || rule.minor === request.minor);
  return Object.values(accessBits)
    .filter((bit) => (request.access & bit) !== 0)
    .every((bit) => rules.findLast((rule) => named(rule) && (rule.access & bit) !== 0)?.allow === true);
}

const runs = (rules: readonly DeviceMatch[], { type, ...rest }: Request): boolean =>
  interpretDeviceProgram(compileDeviceProgram(rules), { type: deviceTypes[type], ...rest });

const denyAll: DeviceRule = { allow: false, access: 'rwm' };
const number = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constantFrom(136, 0xfffff, 2 ** 31, 2 ** 32 - 1));
const access = fc.subarray(['r', 'w', 'm'] as const, { minLength: 1 }).map((letters) => letters.join(''));
const anyRule: fc.Arbitrary<DeviceRule> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ allow: fc.boolean(), type: fc.constant('a' as const) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      allow: fc.boolean(),
      type: fc.constantFrom('b' as const, 'c' as const),
      major: fc.oneof(number, fc.constant(-1)),
      minor: fc.oneof(number, fc.constant(-1)),
      access,
    }),
  },
);
const anyRequest: fc.Arbitrary<Request> = fc.record({
  type: fc.constantFrom('b' as const, 'c' as const),
  major: number,
  minor: number,
  access: fc.integer({ min: 1, max: 7 }),
});

test('a program decides as the list means', () => {
  fc.assert(
    fc.property(fc.array(anyRule, { maxLength: 12 }), fc.array(anyRequest, { minLength: 1, maxLength: 20 }), (list, requests) => {
      const rules = completeDeviceRules(list);
      for (const request of requests) assert.equal(runs(rules, request), decide(rules, request), JSON.stringify(request));
    }),
    { numRuns: 500 },
  );
});

test('nothing is allowed that no rule names, but what every container may use', () => {
  const rules = completeDeviceRules([]);
  const cases: [Request, boolean][] = [
    [{ type: 'c', major: 1, minor: 3, access: 7 }, true],
    [{ type: 'c', major: 136, minor: 7, access: 6 }, true],
    [{ type: 'b', major: 8, minor: 0, access: accessBits.m }, true],
    [{ type: 'b', major: 8, minor: 0, access: accessBits.r }, false],
    [{ type: 'b', major: 1, minor: 3, access: accessBits.r }, false],
    [{ type: 'c', major: 1, minor: 1, access: accessBits.w }, false],
  ];
  for (const [request, allowed] of cases) assert.equal(runs(rules, request), allowed, JSON.stringify(request));
});

test('an access that a later rule takes back is denied, alone and with others', () => {
  const rules = completeDeviceRules([
    { allow: true, type: 'b', major: 8, access: 'rw' },
    { allow: false, type: 'b', major: 8, minor: 1, access: 'w' },
  ]);
  const request = { type: 'b', major: 8, minor: 1 } as const;
  assert.ok(runs(rules, { ...request, access: accessBits.r }));
  assert.ok(!runs(rules, { ...request, access: accessBits.w }));
  assert.ok(!runs(rules, { ...request, access: accessBits.r | accessBits.w }));
  assert.ok(runs(rules, { ...request, minor: 2, access: accessBits.r | accessBits.w }));
});

test('what comes before a rule for everything leaves no instruction, because the verifier refuses what is never reached', () => {
  const short = compileDeviceProgram(completeDeviceRules([denyAll]));
  const long = compileDeviceProgram(completeDeviceRules([{ allow: true, type: 'c', major: 7, access: 'r' }, denyAll]));
  assert.deepEqual(long, short);
  assert.equal(short.length % instructionBytes, 0);
});

test('lists that leave everything allowed are known', () => {
  const everything = { allow: true, type: 'a' } as const;
  assert.ok(allowsEverything(completeDeviceRules([denyAll, everything, { allow: true, type: 'c', major: 1 }])));
  assert.ok(!allowsEverything(completeDeviceRules([])));
  assert.ok(!allowsEverything(completeDeviceRules([everything, { allow: false, type: 'c', major: 1 }])));
});

const lines = (list: readonly DeviceRule[]): string[] =>
  planDevicesV1(completeDeviceRules(list)).map(({ file, value }) => `${file.replace('devices.', '')} ${value}`);

test('v1 gets a default and its exceptions, in order', () => {
  const written = lines([denyAll, { allow: true, type: 'b', major: 8, access: 'r' }]);
  assert.deepEqual(written.slice(0, 4), ['deny a', 'allow b 8:* r', 'allow c *:* m', 'allow b *:* m']);
  assert.ok(written.includes('allow c 1:3 rwm'));
  assert.deepEqual(lines([{ allow: true, type: 'a' }]), ['allow a']);
  assert.deepEqual(
    lines([
      { allow: true, type: 'a' },
      { allow: false, type: 'c', major: 10, minor: 229, access: 'rwm' },
    ]),
    ['allow a', 'deny c 10:229 rw'],
  );
});

test('v1 takes back exactly what was allowed, and refuses to take a part out of something wider', () => {
  const wide: DeviceRule = { allow: true, type: 'c', major: 7, access: 'rw' };
  const narrow: DeviceRule = { allow: true, type: 'c', major: 7, minor: 2, access: 'r' };
  assert.ok(!lines([narrow, { ...wide, allow: false }]).some((line) => line.includes('c 7:')));
  assert.ok(lines([wide, { ...wide, allow: false, access: 'w' }]).includes('allow c 7:* r'));
  assert.ok(lines([wide, { ...narrow, allow: false, access: 'm' }]).includes('allow c 7:* rw'));
  assert.throws(
    () => lines([wide, { ...narrow, allow: false }]),
    (error) => isOrlopError(error, 'unimplemented') && error.message.includes('cannot take c 7:2 r out of c 7:* rw'),
  );
});

test('what v1 is told means what the list means', () => {
  fc.assert(
    fc.property(fc.array(anyRule, { maxLength: 6 }), fc.array(anyRequest, { minLength: 1, maxLength: 10 }), (list, requests) => {
      const rules = completeDeviceRules(list);
      let written: DeviceMatch[];
      try {
        written = planDevicesV1(rules).map(({ file, value }) => parseLine(file === 'devices.allow', value));
      } catch (error) {
        assert.ok(isOrlopError(error, 'unimplemented'));
        return;
      }
      for (const request of requests) assert.equal(decide(written, request), decide(rules, request), JSON.stringify(request));
    }),
    { numRuns: 500 },
  );
});

function parseLine(allow: boolean, value: string): DeviceMatch {
  if (value === 'a') return { allow, type: 'a', major: null, minor: null, access: 7 };
  const [, type, major, minor, letters = ''] = /^([bc]) (\S+):(\S+) ([rwm]+)$/.exec(value) ?? [];
  const place = (text: string | undefined): number | null => (text === '*' ? null : Number(text));
  const sum = [...letters].reduce((bits, letter) => bits | accessBits[letter as 'r'], 0);
  return { allow, type: type === 'b' ? 'b' : 'c', major: place(major), minor: place(minor), access: sum };
}

test('rules that make no sense are refused', () => {
  const refused = [
    { allow: false, type: 'a', access: 'r' },
    { allow: true, type: 'a', major: 1, access: 'rwm' },
    { allow: true, type: 'p', access: 'rwm' },
    { allow: true, type: 'c', access: 'x' },
    { allow: true, type: 'c', major: 2 ** 32, access: 'r' },
    { allow: true, type: 'c', minor: 0.5, access: 'r' },
  ];
  for (const rule of refused) {
    assert.throws(
      () => completeDeviceRules([rule as DeviceRule]),
      (error) => isOrlopError(error, 'invalid-argument'),
      JSON.stringify(rule),
    );
  }
});

test('a letter of the type among those of an access names nothing', () => {
  const [, rule] = completeDeviceRules([{ allow: false, type: 'c', major: 1, minor: 11, access: 'rwa' }]);
  assert.equal(rule?.access, accessBits.r | accessBits.w);
  assert.throws(
    () => completeDeviceRules([{ allow: true, type: 'c', major: 1, minor: 11, access: 'a' }]),
    /unknown type, number or access/,
  );
});
