# Runs inside the test machine, as a service, from the root of the second disk: the tests, or the script, that it asks for.
uname -sr
systemctl --version | head -n 1
grep cgroup /proc/self/mountinfo
export TMPDIR=/var/tmp ORLOP_RUNTIME_BUILT=/checkout/bin/orlop-runtime PATH=/checkout/build:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ -f wanted-script ]; then
  set -- sh wanted-script
else
  # What makes a distribution needs the network, which the machine has not.
  set -- node --test --test-isolation=none --test-timeout=300000 --test-skip-pattern='/with systemd/' --test-reporter=spec $(cat wanted-tests)
fi
timeout -k 10 "$(cat wanted-seconds)" "$@"
echo "tests ended with $?"
sync
