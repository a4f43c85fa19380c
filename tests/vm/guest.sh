# Runs inside the test machine, as a service, from the root of the second disk: the tests, or the script, that it asks for.
uname -sr
systemctl --version | head -n 1
grep cgroup /proc/self/mountinfo
export TMPDIR=/var/tmp ORLOP_RUNTIME_BUILT=/checkout/bin/orlop-runtime PATH=/checkout/build:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# How often the emulated processor has stopped a Node so far.
stopped() { dmesg | grep -cE '(MainThread|V8Worker|node)\[[0-9]+\]:? (trap|segfault|general)'; }
seconds() { cut -d. -f1 /proc/uptime; }
end=$(($(seconds) + $(cat wanted-seconds)))
worst=0

# Runs a command in the time that is left; what makes a distribution needs the network, which the machine has not.
run() {
  timeout -k 10 $((end > $(seconds) ? end - $(seconds) : 1)) "$@" </dev/null
}

# One line of test files in one process: Node takes seconds to start.
test_files() {
  begun=$(seconds)
  run node --test --test-isolation=none --test-timeout=300000 --test-skip-pattern='/with systemd/' --test-reporter=spec "$@"
  code=$?
  echo "$1 and $(($# - 1)) more ended with $code after $(($(seconds) - begun)) s"
}

if [ -f wanted-script ]; then
  run sh wanted-script
  worst=$?
else
  while read -r files; do
    tries=1
    before=$(stopped)
    test_files $files
    # The kernel does not tell of each: 133 and 139 are SIGTRAP and SIGSEGV.
    while [ $code -ne 0 ] && { [ "$(stopped)" -gt "$before" ] || [ $code -eq 133 ] || [ $code -eq 139 ]; } && [ $tries -lt 5 ]; do
      dmesg | grep -E 'trap|segfault' | tail -n 3
      echo "the emulated processor stopped Node: again"
      tries=$((tries + 1))
      before=$(stopped)
      test_files $files
    done
    if [ $code -gt $worst ]; then worst=$code; fi
  done <wanted-tests
fi
echo "tests ended with $worst"
sync
