# a test after which the kernel's log has a warning
echo "<4>WARNING: CPU: 0 PID: 1 at selftest" >/dev/kmsg
