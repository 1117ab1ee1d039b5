#!/usr/bin/python3
"""Reconstructs a volume from Kafka without blkcast's own client.

  replicate.py BROKERS VOLUME SCHEMAS TARGET

Reads blkcast.chunks once, from its beginning to its present end, with read_committed, as
docs/consumers.md describes: stages chunks under their increment's id, and proves and applies them when
the manifest has arrived and every range that it names is read. SCHEMAS is the directory of the
self-contained .avsc files (schemas/src/main/resources/io/blkcast/schema).
Debian: python3-confluent-kafka python3-avro python3-zstandard.

Holds staged chunks in memory. Prints id, kind and content digest of each increment applied.
"""
import glob
import hashlib
import io
import json
import struct
import sys

import avro.io
import avro.schema
import zstandard
from confluent_kafka import Consumer, OFFSET_BEGINNING, TopicPartition

MARK = b"\xc3\x01"  # of Avro's single-object encoding
ZEROES = bytes(1 << 20)


def fingerprints(directory):
    """The schemas by fingerprint: CRC-64-AVRO of the Parsing Canonical Form, little-endian."""
    empty = 0xC15D213AA4D7A795
    table = []
    for i in range(256):
        for _ in range(8):
            i = (i >> 1) ^ (empty & -(i & 1))
        table.append(i)
    known = {}
    for path in glob.glob(directory + "/*.avsc"):
        with open(path) as file:
            text = file.read()
        crc = empty
        for byte in canonical(json.loads(text)).encode():
            crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
        known[struct.pack("<Q", crc)] = avro.schema.parse(text)
    if not known:
        sys.exit("no schemas in " + directory)
    return known


def canonical(node, space=""):
    """Avro's Parsing Canonical Form; see the section of that name in its specification."""
    if isinstance(node, str):
        primitive = node in PRIMITIVES or "." in node or not space
        return '"%s"' % (node if primitive else space + "." + node)
    if isinstance(node, (list, tuple)):
        return "[" + ",".join(canonical(n, space) for n in node) + "]"
    kind = node["type"]
    if isinstance(kind, (dict, list, tuple)):
        return canonical(kind, space)
    if kind in PRIMITIVES:
        return '"%s"' % kind
    if kind == "array":
        return '{"type":"array","items":%s}' % canonical(node["items"], space)
    if kind == "map":
        return '{"type":"map","values":%s}' % canonical(node["values"], space)
    name = node["name"]
    space = name.rpartition(".")[0] or node.get("namespace", space)
    full = name if "." in name or not space else space + "." + name
    if kind == "enum":
        symbols = ",".join('"%s"' % s for s in node["symbols"])
        return '{"name":"%s","type":"enum","symbols":[%s]}' % (full, symbols)
    if kind == "fixed":
        return '{"name":"%s","type":"fixed","size":%d}' % (full, node["size"])
    fields = ",".join(
        '{"name":"%s","type":%s}' % (f["name"], canonical(f["type"], space)) for f in node["fields"])
    return '{"name":"%s","type":"record","fields":[%s]}' % (full, fields)


PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}


def decode(value, known):
    """The record's name and fields; (None, None) if it is none of blkcast's."""
    schema = known.get(value[2:10]) if value[:2] == MARK else None
    if schema is None:
        return None, None
    try:
        reader = avro.io.DatumReader(schema)
        return schema.name, reader.read(avro.io.BinaryDecoder(io.BytesIO(value[10:])))
    except Exception:  # the library fails with whatever damaged bytes lead it to
        return None, None


def chain_digest(manifest, value, parent):
    """The link to the parent's digest: over the manifest as it was written, without framing and digest.

    The digest is cut out of the record instead of encoding it again, which a library may do differently.
    It follows on content_digest; both start with their length, 32, which Avro writes as 0x40.
    """
    before = b"\x40" + manifest["content_digest"]
    body = value[10:].replace(before + b"\x40" + manifest["chain_digest"], before + b"\0")
    return hashlib.sha256(parent + body).digest()


def apply(manifest, chunks, target):
    """Proves the chunks against the manifest, then writes them; returns the content digest."""
    leaves = []
    plain = {}
    for chunk in chunks:
        offset, size = chunk["byte_offset"], chunk["size_bytes"]
        payload = chunk["payload"]
        if chunk["encoding"] == "ZSTD":
            payload = zstandard.ZstdDecompressor().decompress(payload, max_output_size=size)
        zero = chunk["encoding"] == "ZERO"
        if not zero and len(payload) != size:
            sys.exit("chunk at %d has %d bytes, not %d" % (offset, len(payload), size))
        leaf = struct.pack(">qqB", offset, size, 1 if zero else 0) + (b"" if zero else payload)
        leaves.append((offset, hashlib.sha256(leaf).digest()))
        plain[offset] = (size, None if zero else payload)
    digest = hashlib.sha256(b"".join(leaf for _, leaf in sorted(leaves))).digest()
    if digest != manifest["content_digest"] or len(chunks) != manifest["chunk_count"]:
        sys.exit("increment %s is not what its manifest says" % manifest["increment_id"])
    if manifest["kind"] == "BASELINE":
        target.truncate(0)
    target.truncate(manifest["volume_capacity_bytes"])
    for offset, (size, payload) in sorted(plain.items()):
        target.seek(offset)
        if payload is not None:
            target.write(payload)
            continue
        # A hole may be as large as the volume.
        for done in range(0, size, len(ZEROES)):
            target.write(ZEROES[:size - done])
    return digest.hex()


def is_read(manifest, position):
    """Whether every partition of the manifest's chunks is read to the end of its range."""
    return all(position[r["partition"]] >= r["end_offset"] for r in manifest["chunk_ranges"])


def main(brokers, volume, schemas, path):
    known = fingerprints(schemas)
    consumer = Consumer({
        "bootstrap.servers": brokers,
        "group.id": "unused",  # the library asks for one; no offset is ever committed
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
    })
    topic = "blkcast.chunks"
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
    # By increment: its staged chunks, and its first offset by partition. Manifests that wait for their chunks.
    staged, first, manifests = {}, {}, []
    position = dict.fromkeys(partitions, 0)
    unread, last, digest, applied, seen = set(partitions), None, None, 0, set()
    with open(path, "w+b") as target:
        while unread:
            message = consumer.poll(30)
            if message is None:
                sys.exit("the brokers do not answer: " + brokers)
            partition = message.partition()
            if message.error():
                if message.error().name() != "_PARTITION_EOF":
                    sys.exit(str(message.error()))
                unread.discard(partition)
            # By position: the last offsets of a range may be transaction markers or records of others.
            position[partition] = message.offset() + (0 if message.error() else 1)
            if not message.error() and message.key() == volume.encode() and message.value():
                name, record = decode(message.value(), known)
                if name is None or record["volume"] != volume:
                    continue
                increment = record["increment_id"]
                if name == "IncrementAborted":
                    staged.pop(increment, None)
                elif name == "IncrementCommitted":
                    if increment not in seen:
                        seen.add(increment)
                        manifests.append((partition, message.offset(), record, message.value()))
                else:
                    first.setdefault(increment, {}).setdefault(partition, message.offset())
                    if name == "DataChunk":  # maybe before IncrementStarted: partitions have no mutual order
                        staged.setdefault(increment, []).append(record)
            while manifests and is_read(manifests[0][2], position):
                home, offset, record, value = manifests.pop(0)
                chunks = staged.pop(record["increment_id"], [])
                # An increment with a record before this manifest or one of its chunks will never be
                # committed. No IncrementAborted says so if its exporter was killed.
                behind = {r["partition"]: r["end_offset"] for r in record["chunk_ranges"]}
                behind[home] = max(offset, behind.get(home, 0))
                for increment, offsets in list(first.items()):
                    if any(at < behind.get(p, 0) for p, at in offsets.items()):
                        first.pop(increment)
                        staged.pop(increment, None)
                baseline = record["kind"] == "BASELINE"
                if not baseline and record["parent_increment_id"] != last:
                    if last is None:
                        continue  # its parent is not retained, so it cannot be checked: wait for a BASELINE
                    sys.exit("increment %s does not stand on the one before" % record["increment_id"])
                if baseline and last is None and len(chunks) < record["chunk_count"]:
                    continue  # retention has deleted a part of it
                digest = chain_digest(record, value, bytes(32) if baseline else digest)
                if digest != record["chain_digest"]:
                    sys.exit("increment %s is not linked to its parent" % record["increment_id"])
                last = record["increment_id"]
                print(last, record["kind"], apply(record, chunks, target), flush=True)
                applied += 1
    consumer.close()
    if not applied:
        sys.exit("nothing is committed of volume " + volume)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
