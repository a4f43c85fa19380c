import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planLogin } from './login.ts';

const passwd = 'root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/usr/bin/fish\nbob:x:7:7::: \n';

test('su opens the session where it is there, for whomever it knows', () => {
  assert.deepEqual(planLogin({ user: '', passwd, hasSu: true, command: [] }), {
    Cmd: ['su', '-l', 'root'],
    User: 'root',
    WorkingDir: '/',
    Env: [],
  });
  assert.deepEqual(planLogin({ user: 'of-ldap', passwd, hasSu: true, command: ['id', '-u'] }).Cmd, [
    'su',
    '-l',
    'of-ldap',
    '-c',
    `'id' '-u'`,
  ]);
});

test("without it, the user's own shell begins in the user's home with what a login sets", () => {
  assert.deepEqual(planLogin({ user: 'alice', passwd, hasSu: false, command: [] }), {
    Cmd: ['/usr/bin/fish', '-l'],
    User: 'alice',
    WorkingDir: '/home/alice',
    Env: ['HOME=/home/alice', 'USER=alice', 'LOGNAME=alice', 'SHELL=/usr/bin/fish'],
  });
});

test('a number means the user that has it; who has no shell or home gets sh and /', () => {
  const { Cmd, Env, WorkingDir } = planLogin({ user: '7', passwd, hasSu: false, command: [] });
  assert.deepEqual([Cmd, WorkingDir, Env?.[1]], [['/bin/sh', '-l'], '/', 'USER=bob']);
  assert.deepEqual(planLogin({ user: '55', passwd: '', hasSu: false, command: [] }).Cmd, ['/bin/sh', '-l']);
});

test('one word is a line for the shell, several are a program with its arguments', () => {
  const cmd = (...command: string[]) => planLogin({ user: '', passwd, hasSu: false, command }).Cmd;
  assert.deepEqual(cmd('cd /etc; ls'), ['/bin/bash', '-l', '-c', 'cd /etc; ls']);
  assert.deepEqual(cmd('echo', "it's", 'a  b'), ['/bin/bash', '-l', '-c', `'echo' 'it'\\''s' 'a  b'`]);
});
