#!/usr/bin/python3
"""Prints what each committed increment of a volume changed, without reading its data.

  extents.py BROKERS VOLUME SCHEMAS

Follows the catalogue: reads the manifests from blkcast.increments with read_committed, then the batches
of extents from blkcast.extents, and counts only those that a manifest names. The topic also holds batches
of attempts that never committed. Prints id, kind, number of extents and changed bytes.
SCHEMAS and the packages that it needs are those of replicate.py.
"""
import sys

from confluent_kafka import Consumer, OFFSET_BEGINNING, TopicPartition

from replicate import decode, fingerprints


def records(brokers, topic, volume, known):
    """Yields partition, offset, name and fields of the volume's committed records, up to the present end."""
    consumer = Consumer({
        "bootstrap.servers": brokers,
        "group.id": "unused",  # the library requires one; no offset is ever committed
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
    })
    unread = set(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in unread])
    while unread:
        message = consumer.poll(30)
        if message is None:
            sys.exit("the brokers do not answer: " + brokers)
        if message.error():
            if message.error().name() != "_PARTITION_EOF":
                sys.exit(str(message.error()))
            unread.discard(message.partition())
        elif message.key() == volume.encode() and message.value():
            name, record = decode(message.value(), known)
            if name and record["volume"] == volume:
                yield message.partition(), message.offset(), name, record
    consumer.close()


def main(brokers, volume, schemas):
    known = fingerprints(schemas)
    manifests = {}
    for _, _, name, record in records(brokers, "blkcast.increments", volume, known):
        if name == "IncrementCommitted":
            manifests.setdefault(record["increment_id"], record)
    extents = {increment: [] for increment in manifests}
    for partition, offset, _, batch in records(brokers, "blkcast.extents", volume, known):
        manifest = manifests.get(batch["increment_id"])
        if manifest and any(r["partition"] == partition and r["first_offset"] <= offset < r["end_offset"]
                            for r in manifest["extent_ranges"]):
            extents[batch["increment_id"]] += batch["block_metadata"]
    for increment, manifest in manifests.items():
        changed = sum(extent["size_bytes"] for extent in extents[increment])
        if len(extents[increment]) != manifest["extent_count"] or changed != manifest["changed_bytes"]:
            print(increment, manifest["kind"], "is not retained whole")
            continue
        print(increment, manifest["kind"], len(extents[increment]), changed)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
