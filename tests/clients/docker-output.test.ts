import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { projectRoot, runCommand, startEngine, type Outcome, type TestEngine } from '../system/harness.ts';
import { whyNoEngine } from './engine-home.ts';

/** What there is to look at. */
const scene = [
  'network create --label a=b net1',
  'network create --internal net2',
  'volume create --label a=b vol1',
  'volume create vol2',
  'create --name c1 --label x=y --network net1 -v vol1:/data -v /tmp:/host:ro -p 127.0.0.1:18080:80 -p 18081-18082:81-82/udp --expose 99 busybox sh -c "sleep 1000"',
  'run -d --name c2 --restart unless-stopped busybox sleep 10000',
  'create --name c3 -e A=B busybox:latest true',
  "run --name c4 busybox sh -c 'echo hello; touch /new; rm /etc/passwd'",
  'tag busybox:latest other/name:v1',
];

const containerFields =
  '{{.ID}} {{.Image}} {{.Command}} {{.CreatedAt}} {{.RunningFor}} {{.Ports}} {{.State}} {{.Status}} {{.Names}} {{.Label "x"}} {{.Mounts}} {{.Networks}} {{.LocalVolumes}} {{.Size}}';
/** Without Containers: newer clients of Docker's count them, older ones do not ask. */
const imageFields =
  '{{.ID}} {{.Repository}} {{.Tag}} {{.Digest}} {{.CreatedSince}} {{.CreatedAt}} {{.Size}} {{.VirtualSize}} {{.SharedSize}} {{.UniqueSize}}';
const networkFields =
  '{{.ID}} {{.Name}} {{.Driver}} {{.Scope}} {{.IPv4}} {{.IPv6}} {{.Internal}} {{.Labels}} {{.Label "a"}} {{.CreatedAt}}';
const volumeFields =
  '{{.Name}} {{.Driver}} {{.Scope}} {{.Mountpoint}} {{.Labels}} {{.Label "a"}} {{.Availability}} {{.Group}} {{.Links}} {{.Size}} {{.Status}}';
const historyFields = '{{.ID}} {{.CreatedSince}} {{.CreatedAt}} {{.CreatedBy}} {{.Size}} {{.Comment}}';
const eventFields = '{{.Status}} {{.ID}} {{.From}} {{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.name}} {{.Scope}} {{.Time}}';

/** The same fields side by side, and as a table. */
function bothWays(command: string, fields: string): string[] {
  return [`${command} --format '${fields}'`, `${command} --format 'table ${fields.replaceAll(' {{', String.raw`\t{{`)}'`];
}

/** One command a line. */
function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function withEach(command: string, words: string): string[] {
  return linesOf(words).map((word) => command.replace('…', () => word));
}

/** Printed alike: standard output and exit code. */
const views = [
  ...linesOf(String.raw`
    ps
    ps -a
    ps -q
    ps -aq --no-trunc
    ps -a --no-trunc
    ps -as
    ps -l
    ps -n 2
    ps -n 0
    ps --last=-1
    ps -a --format table
    ps --format ''
    ps -a --filter ''
    ps --format '{{.ID'
    ps foo
    ps --foo
    ps -n foo
    images
    images -a
    images -q
    images --no-trunc
    images --digests
    images busybox
    images 'busy*'
    images nothing
    history busybox
    history -q busybox
    history --no-trunc busybox
    history -H=false busybox
    history nothing
    history
    network ls
    network ls -q
    network ls --no-trunc
    volume ls
    volume ls -q
    volume ls --format json
    inspect c1
    inspect busybox
    inspect vol1
    inspect net1
    inspect nothing
    inspect c1 nothing
    inspect --type foo c1
    inspect -s c4
    inspect -f '{{json .State}}' c4
    inspect -f '{{.Config}}' c1
    inspect -f '{{' c1
    network inspect net1 nothing
    volume inspect vol1
    image inspect c1
    container inspect busybox
    network rm
    volume rm
    port c1
    port c2 80
    port c1 foo
    port c1 80/foo
    port
    top c2
    top c2 -o pid,cmd
    top c3
    top nothing
    logs c4
    logs -n 1 c4
    logs --tail foo c4
    logs --since foo c4
    logs nothing
    logs
    diff c4
    diff nothing
    stats --no-stream nothing
    stats --no-stream --format '{{.Container}} {{.Name}} {{.ID}} {{.PIDs}}' c2 c3
    rename nothing
    events --filter foo --until 0s
  `),
  ...bothWays('ps -a', containerFields),
  ...bothWays('images', imageFields),
  ...bothWays('history busybox', historyFields),
  ...bothWays('network ls', networkFields),
  ...bothWays('volume ls', volumeFields),
  ...['images', 'images --digests', 'network ls', 'volume ls'].map((list) => `${list} --format raw`),
  "events --since 1h --until 0s --format '{{.Foo}}'",
  `events --since 1h --until 0s --filter type=container --format '${eventFields}'`,
  ...withEach(
    "ps -a --filter '…'",
    `
    id=zzz
    name=c1
    name=^/c1$
    label=x
    label=x=y
    label!=x
    exited=0
    status=exited
    status=foo
    ancestor=busybox
    before=c2
    since=c2
    volume=vol1
    volume=/data
    network=net1
    publish=80
    expose=99
    health=none
    is-task=true
    foo=bar
  `,
  ),
  ...withEach('images --filter …', 'dangling=true\nlabel=foo\nbefore=busybox\nreference=busybox*\nfoo=bar'),
  ...withEach('network ls --filter …', 'driver=bridge\nlabel=a=b\nname=net\nscope=local\ntype=custom\ntype=foo\ndangling=true\nfoo=bar'),
  ...withEach('volume ls --filter …', 'dangling=true\ndriver=local\nlabel=a\nname=vol1\nfoo=bar'),
];

/** Each on a thing of its own, `@`; refused alike, or done alike. */
const changes = [
  ...withEach(
    'create … busybox',
    `
    --pull foo
    -v foo:bar
    -v a:b:c:d
    --mount type=foo,target=/x
    --mount type=bind
    --tmpfs foo
    --mac-address foo
    --restart foo
    --restart on-failure:x
    --restart always:3
    --rm --restart always
    --ulimit foo=1
    --security-opt seccomp=/nonexistent
    --env-file /nonexistent
    --label-file /nonexistent
    -e ''
    -e =x
    --label =x
    --ipc foo
    --pid foo
    --dns foo
    --memory 1k
    --memory foo
    --cpus foo
    --network nothing
    --cap-add FOO
    --log-driver foo
    --device /dev/nothing
  `,
  ),
  ...linesOf(`
    create --name m_@ busybox sleep 1000
    create --name m_@ busybox
    create
    create --pull never nothing:1
    start m_@
    start nothing nothing2
    start
    exec m_@ echo hi
    exec m_@
    exec nothing true
    exec m_@ nothing
    exec m_@ /etc
    exec m_@ sh -c 'exit 7'
    exec -w rel m_@ pwd
    exec -e =b m_@ env
    exec --detach-keys foo m_@ true
    exec -it m_@ true
    pause m_@
    pause m_@
    unpause m_@
    unpause nothing
    attach nothing
    attach --detach-keys foo m_@
    rename m_@ c1
    update m_@
    update --restart foo m_@
    update --restart always m_@
    update --memory 1k m_@
    update --restart no nothing m_@
    restart -t 0 m_@
    restart -t foo m_@
    kill -s FOO m_@
    kill m_@ nothing
    wait m_@
    stop nothing
    rm nothing
    rm -f nothing
    commit m_@ UPPER
    commit nothing
    cp nothing:/etc/passwd /tmp/x
    cp m_@:/nothing -
    cp a b
    export nothing
    import /nonexistent
    import http://127.0.0.1:1/x
    save nothing
    load -i /nonexistent
    tag nothing x
    rmi nothing
    push nothing
    pull UPPER
    login -u a -p b 127.0.0.1:1
    login -u a 127.0.0.1:1
    run
    run --rm busybox nothing
    run --rm busybox /etc
    run --rm busybox sh -c 'exit 7'
    run -d -a stdout busybox true
    run --rm --device /dev/nothing busybox true
    run --rm -w rel busybox true
    run -it --rm busybox true
    run --rm -u nobody_such busybox true
    run --rm --network nothing busybox true
    run --rm --detach-keys foo busybox true
    run --name c1 busybox
    container prune
    image prune
    image prune -a
    volume prune
    volume prune -a
    network prune
    system prune
    system prune -a --volumes
    container prune -f --filter foo=bar
    network create net1
    network create --subnet foo n_@
    network connect nothing c1
    volume create v_@
    volume create --driver foo w_@
    volume rm v_@
    volume rm nothing
    volume rm -f nothing
    rm -f m_@
    swarm init
    frobnicate
    container frobnicate
    --frobnicate
    -H
    -H unix:///nonexistent ps
    -H unix:///nonexistent run busybox
    -D ps -q
    -l info ps -q
    -l foo ps
    --context foo ps
    --tls ps
  `),
];

/** Ids, moments and how long ago they were, and the letter that tells things of both apart. */
function plain(text: string): string {
  return text
    .replaceAll(/\b(?:sha256:)?[0-9a-f]{64}\b/g, '<id>')
    .replaceAll(/\b[0-9a-f]{12}\b/g, '<short id>')
    .replaceAll(/\b(?:Less than a second|About a minute|About an hour|\d+ (?:second|minute|hour|day)s?)\b/g, '<a while>')
    .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| \+0000 UTC)?/g, '<moment>')
    .replaceAll(/\b([mnvw])_[do]\b/g, '$1_@')
    .replaceAll(/ +/g, ' ');
}

/** Docker prints lists in the order that the engine's map happens to have; a prompt has no end of line. */
function lines({ stdout }: Outcome): string[] {
  return plain(stdout).split('\n').toSorted();
}

describe("what orlop prints beside docker's command line, of one engine", { skip: whyNoEngine({ docker: 'docker-cli' }) }, () => {
  let engine: TestEngine;
  let home = '';
  const both = (words: string): Promise<[theirs: Outcome, ours: Outcome]> => {
    const env = { DOCKER_HOST: engine.host, ORLOP_HOST: engine.host, DOCKER_CONFIG: home };
    const run = (program: string, letter: string): Promise<Outcome> =>
      runCommand('sh', ['-c', `${program} ${words.replaceAll(/(?<=_)@/g, letter)}`], { env, cwd: home });
    return Promise.all([run('docker', 'd'), run(join(projectRoot, 'bin/orlop'), 'o')]);
  };
  const compare = async (words: string): Promise<void> => {
    const [theirs, ours] = await both(words);
    assert.deepEqual([ours.code, lines(ours)], [theirs.code, lines(theirs)], `${words}: ${theirs.stderr}${ours.stderr}`);
  };
  before(async () => {
    engine = await startEngine();
    home = mkdtempSync(join(tmpdir(), 'orlop-docker-'));
    await engine.must('template', 'build', 'busybox');
    for (const words of scene) {
      const { code, stderr } = await runCommand('sh', ['-c', `docker -H ${engine.host} ${words}`]);
      assert.equal(code, 0, `${words}: ${stderr}`);
    }
  });
  after(async () => {
    await engine?.[Symbol.asyncDispose]();
    if (home !== '') rmSync(home, { recursive: true });
  });

  for (const words of [...views, ...changes]) test(words, () => compare(words));

  test('JSON of lists has the fields and texts of Docker', async () => {
    for (const words of ['ps -a', 'images', 'network ls', 'history busybox']) {
      const [theirs, ours] = await both(`${words} --format json`);
      const rows = (text: string): Record<string, unknown>[] =>
        plain(text)
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Record<string, unknown>);
      const keys = (row: Record<string, unknown> | undefined): string[] => Object.keys(row ?? {}).filter((key) => key !== 'Kind');
      assert.deepEqual(keys(rows(ours.stdout)[0]), keys(rows(theirs.stdout)[0]), words);
    }
  });
});
