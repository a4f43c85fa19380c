# Runs inside the test machine, as a service, from the root of the second disk: the tests that it asks for, one after the other.
uname -sr
systemctl --version | head -n 1
grep cgroup /proc/self/mountinfo
export TMPDIR=/var/tmp PATH=/checkout/build:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# What makes a distribution needs the network, which the machine has not.
node --test --test-concurrency=1 --test-timeout=600000 --test-skip-pattern='/with systemd/' --test-reporter=spec $(cat wanted-tests)
echo "tests ended with $?"
sync
