import { type BuildCase, tree } from './build-case.ts';

/** All other instructions, stages and variables. */
export const instructions: readonly BuildCase[] = [
  {
    name: 'stages on stages',
    file: `FROM localhost/base AS one
ENV A=1
RUN echo one > /one
FROM one AS two
RUN echo $A > /two
FROM two
WORKDIR /x
LABEL last=yes
`,
  },
  {
    name: 'a target',
    file: 'FROM localhost/base AS one\nRUN echo 1 > /1\nFROM localhost/base AS two\nRUN echo 2 > /2\n',
    args: ['--target', 'one'],
  },
  {
    name: 'ENV in all its forms',
    file: `FROM localhost/base
ENV a=1 b="two words" c=three\\ words d='single $BASE' e="double $BASE"
ENV old form with  spaces
ENV f=\${BASE}x g=\${none:-default} h=\${BASE:+set} i=\\$BASE j="a\\"b"
ENV a=2 k=$a
ENV PATH=/x:$PATH
ENV empty= quoted=""
`,
    // Docker sets a variable where it stands, Buildah puts it last.
    config: {
      Env: [
        'PATH=/x:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'BASE=base',
        'a=2',
        'b=two words',
        'c=three words',
        'd=single $BASE',
        'e=double base',
        'old=form with  spaces',
        'f=basex',
        'g=default',
        'h=set',
        'i=$BASE',
        'j=a"b',
        'k=1',
        'empty=',
        'quoted=',
      ],
    },
  },
  {
    name: 'ARG and its scope',
    file: `ARG GLOBAL=global
ARG TAG=base
FROM localhost/\${TAG}
RUN echo "no: $GLOBAL" > /1
ARG GLOBAL
ARG OWN=own
ARG NONE
RUN echo "yes: $GLOBAL $OWN \${NONE-unset}" > /2
ENV OWN=env
RUN echo "$OWN" > /3
ARG OWN=again
RUN echo "$OWN" > /4
ENV KEPT=$GLOBAL
FROM localhost/base
ARG OWN
RUN echo "[$OWN]" > /5
`,
  },
  {
    name: 'ARG with values',
    file: 'FROM localhost/base\nARG A=1\nARG B\nARG C=${A}c\nRUN echo "$A $B $C" > /out\nENV A2=$A B2=$B\nLABEL l=$C\n',
    args: ['--build-arg', 'A=one', '--build-arg', 'B=two'],
  },
  {
    name: 'the platform in arguments',
    file: 'FROM --platform=$TARGETPLATFORM localhost/base\nARG TARGETPLATFORM\nARG TARGETOS\nARG TARGETARCH\nARG BUILDPLATFORM\nRUN echo "$TARGETPLATFORM $TARGETOS $TARGETARCH $BUILDPLATFORM" > /out\n',
    args: ['--platform', 'linux/amd64'],
  },
  {
    name: 'proxy arguments are not kept',
    file: 'FROM localhost/base\nRUN echo "$HTTP_PROXY $no_proxy" > /out\n',
    args: ['--build-arg', 'HTTP_PROXY=http://p', '--build-arg', 'no_proxy=n'],
  },
  { name: 'CMD and ENTRYPOINT', file: 'FROM localhost/base\nENTRYPOINT ["/e", "x"]\nCMD ["a", "b"]\n' },
  { name: 'CMD as shell', file: 'FROM localhost/base\nCMD echo $HOME "a b"\n' },
  { name: 'ENTRYPOINT takes away the CMD of the base', file: 'FROM localhost/base AS one\nCMD ["x"]\nFROM one\nENTRYPOINT ["/e"]\n' },
  { name: 'ENTRYPOINT keeps a CMD of the same stage', file: 'FROM localhost/base\nCMD ["x"]\nENTRYPOINT /e y\n' },
  { name: 'empty CMD and ENTRYPOINT', file: 'FROM localhost/base\nENTRYPOINT []\nCMD []\n' },
  { name: 'malformed JSON is a shell command', file: "FROM localhost/base\nCMD ['a', 'b']\n" },
  {
    // Buildah forgets the shell for these.
    name: 'SHELL',
    file: 'FROM localhost/base\nSHELL ["/bin/sh", "-ec"]\nRUN echo $0 > /out\nCMD true\nENTRYPOINT x\n',
    config: { Cmd: ['/bin/sh', '-ec', 'true'], Entrypoint: ['/bin/sh', '-ec', 'x'] },
  },
  {
    name: 'RUN in both forms',
    file: `FROM localhost/base
RUN echo a \\
  # comment in between

  b > /a
RUN ["/bin/sh", "-c", "echo $0 > /b", "zero"]
RUN umask > /umask; pwd > /pwd; id -u > /id 2>/dev/null; echo $HOME > /home; echo $- > /flags
RUN cat < /dev/null > /stdin && echo done >> /stdin
`,
  },
  {
    name: 'heredocs',
    file: `FROM localhost/base
COPY <<one <<"two" /here/
x $BASE
one
x $BASE
two
COPY --chmod=750 --chown=4:5 <<-TAB /tab
	in
	dented
TAB
`,
    files: [
      '/here 40000 755 0:0',
      '/here/one 100000 644 0:0 3f35e02da7aa at 0',
      '/here/two 100000 644 0:0 1ba031859ad1 at 0',
      '/tab 100000 750 4:5 ee60be460cd2 at 0',
    ],
  },
  {
    name: 'heredocs of RUN',
    file: `FROM localhost/base
RUN <<EOF
echo a > /a
echo "$BASE" > /b
EOF
RUN cat <<one - <<two > /c
$BASE
one
$(echo two)
two
RUN <<EOF sh -e
echo d > /d
EOF
RUN <<EOF
#!/bin/sh
echo shebang > /e
EOF
`,
    files: [
      '/a 100000 644 0:0 87428fc52280',
      '/b 100000 644 0:0 f34848ca9266',
      '/c 100000 644 0:0 27dd8ed44a83',
      '/d 100000 644 0:0 8d74beec1be9',
      '/e 100000 644 0:0 0e24cedb22f3',
    ],
  },
  {
    name: 'USER',
    file: 'FROM localhost/base\nUSER guest\nRUN id -u > /tmp/who; id -g >> /tmp/who; id -G >> /tmp/who; echo $HOME > /tmp/home\nUSER 5:6\nRUN id -u > /tmp/who2; id -g >> /tmp/who2; id -G >> /tmp/who2\nUSER guest:extra\nRUN id -u > /tmp/who3; id -g >> /tmp/who3\n',
  },
  {
    name: 'WORKDIR',
    file: 'FROM localhost/base\nWORKDIR /a\nWORKDIR b/c\nENV D=d\nWORKDIR $D/../e\nRUN pwd > /out\nWORKDIR /to-there/new\nRUN pwd >> /out\nWORKDIR /\n',
  },
  { name: 'WORKDIR of a user', file: 'FROM localhost/base\nUSER guest\nWORKDIR /home/guest/new\nWORKDIR /other/deep\n' },
  { name: 'COPY after USER is of root', make: tree, file: 'FROM localhost/base\nUSER guest\nCOPY a /a\nCOPY d /new/d\nADD e /e\n' },
  {
    // Buildah makes some of the directories; Docker leaves that to containers.
    name: 'VOLUME',
    file: 'FROM localhost/base\nRUN mkdir /v && echo before > /v/before\nVOLUME /v /w\nVOLUME ["/y", "/z"]\n',
    differs: ['+ /y 40000 755 0:0', '+ /z 40000 755 0:0'],
  },
  {
    name: 'EXPOSE',
    file: 'FROM localhost/base\nEXPOSE 80 81/udp 90-92/tcp\nENV P=99\nEXPOSE $P\n',
    config: { ExposedPorts: Object.fromEntries(['80/tcp', '81/udp', '90/tcp', '91/tcp', '92/tcp', '99/tcp'].map((port) => [port, {}])) },
  },
  { name: 'LABEL', file: 'FROM localhost/base\nLABEL a=1 "b c"="d e" f="g\\\nh"\nLABEL old style\nLABEL x=$BASE y=\'$BASE\'\n' },
  { name: 'MAINTAINER', file: 'FROM localhost/base\nMAINTAINER Somebody <some@body>\n' },
  { name: 'STOPSIGNAL', file: 'FROM localhost/base\nENV S=SIGQUIT\nSTOPSIGNAL $S\n' },
  {
    name: 'HEALTHCHECK',
    file: 'FROM localhost/base\nHEALTHCHECK --interval=5s --timeout=3s --start-period=1m --retries=4 CMD ["a", "b"]\n',
  },
  { name: 'HEALTHCHECK as shell, and of the base', file: 'FROM localhost/base AS one\nHEALTHCHECK CMD a $B\nFROM one\nLABEL x=y\n' },
  { name: 'HEALTHCHECK NONE', file: 'FROM localhost/base AS one\nHEALTHCHECK CMD a\nFROM one\nHEALTHCHECK NONE\n' },
  {
    name: 'ONBUILD is kept',
    file: 'FROM localhost/base\nONBUILD RUN echo $BASE > /triggered\nONBUILD COPY a /\nONBUILD ENV x=y\n',
    configOnly: true,
  },
  {
    name: 'ONBUILD of a stage',
    make: tree,
    file: 'FROM localhost/base AS one\nONBUILD RUN echo $BASE > /triggered\nONBUILD COPY a /\nONBUILD ENV X=y\nFROM one\nRUN echo $X > /x\n',
  },
  {
    name: 'what a RUN removes',
    file: 'FROM localhost/base\nRUN rm -r /there /to-there\nRUN mkdir /there && echo new > /there/new\nRUN rm /dangling && mkdir /dangling\n',
  },
  {
    name: 'what a RUN makes',
    file: `FROM localhost/base
RUN mkfifo /fifo && echo x > /x && ln /x /y && ln -s x /z && chmod 4755 /x && mkdir -m 1777 /t && chown -h 5:6 /z && chown 7:8 /t
RUN chmod 600 /there/file && chown 9 /there && touch -d '2001-02-03 04:05:06' /there/file
`,
  },
  {
    name: 'RUN --mount of the context',
    make: tree,
    file: 'FROM localhost/base\nRUN --mount=type=bind,target=/ctx cat /ctx/a > /out; ls /ctx/d >> /out\nRUN --mount=type=bind,source=d/f,target=/one cat /one > /two\n',
  },
  {
    name: 'RUN --mount of a stage',
    make: tree,
    file: 'FROM localhost/base AS one\nRUN echo s > /s\nFROM localhost/base\nRUN --mount=type=bind,from=one,source=/s,target=/m cat /m > /out\n',
  },
  {
    name: 'RUN --mount=type=tmpfs and cache',
    file: 'FROM localhost/base\nRUN --mount=type=tmpfs,target=/t echo x > /t/x\nRUN --mount=type=cache,target=/c echo y > /c/y\n',
  },
  {
    name: 'comments, continuations, case, directives',
    file: '# escape=`\n# a comment\nfrom localhost/base\n\n  # indented\nrun echo a `\n  b > /out\nEnv X=`$BASE\n',
    // Buildah forgets the directive inside of words.
    config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'BASE=base', 'X=$BASE'] },
  },
  { name: 'a byte order mark and Windows line ends', file: '\uFEFFFROM localhost/base\r\nRUN echo a > /out\r\nENV x=y\r\n' },
];
