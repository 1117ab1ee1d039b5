# a test that does not end
# timeout: 3
sleep 1000 &
sleep 1000
