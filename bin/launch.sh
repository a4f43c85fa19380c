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

folder=$(cd "$root" && pwd)
if [ -n "${ORLOP_NODE:-}" ] && [ ! -x "$ORLOP_NODE" ]; then
  echo "$program: ORLOP_NODE=$ORLOP_NODE is not a program: unset it or name another" >&2
else
  echo "$program: not set up yet: run \"npm run setup\" in $folder" >&2
fi
exit 125
