#!/bin/sh -e
# What kcat shows of a volume without knowing Avro: kcat.sh BROKERS VOLUME
brokers=$1 volume=$2

topic() { # TOPIC FORMAT: every committed record, a line each
  kcat -b "$brokers" -X isolation.level=read_committed -C -e -q -t "$1" -f "$2"
}

# The catalogue: offset, key, size in bytes, time in ms since 1970. Each is a committed or an aborted increment.
topic blkcast.increments '%o %k %S %T\n' | awk -v v="$volume" '$2 == v { print "increment", $0 }'

# Where the volume stands; the header names its tenure in one run of an exporter. The same one comes again at a take-over.
topic blkcast.checkpoints '%o %k %h\n' | awk -v v="$volume" '$2 == v { print "checkpoint", $0 }'

# How a value starts: c3 01 and the schema's fingerprint, or 00 and its id at a schema registry.
kcat -b "$brokers" -C -e -q -t blkcast.chunks -o beginning -c 1 -D '' -f '%s' | od -An -tx1 -N10
